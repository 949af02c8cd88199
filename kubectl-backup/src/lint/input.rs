//! Where manifests come from: files, folders, the standard input, kustomize. All of it bounded.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::source::Source;
use crate::error::{CliError, Result};

/// The most that one file, or the standard input, may hold. etcd takes 1.5 MiB per object.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The most that all of them may hold together.
const MAX_TOTAL: usize = 256 * 1024 * 1024;
/// The most files of all folders together.
const MAX_FILES: usize = 10_000;
/// Folders within folders.
const MAX_DEPTH: usize = 32;
/// What kubectl takes from folders.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// What was read so far.
#[derive(Debug, Default)]
pub struct Input {
    sources: Vec<Source>,
    bytes: usize,
    stdin: bool,
}

impl Input {
    /// The texts in the order of the arguments; of folders in the order of their names.
    pub fn into_sources(self) -> Vec<Source> {
        self.sources
    }

    /// Reads what one `--filename` names.
    ///
    /// # Errors
    /// When it cannot be read, or is too large.
    pub fn add(&mut self, name: &Path, recursive: bool) -> Result<()> {
        if name == Path::new("-") {
            return self.add_stdin();
        }
        let text = name.to_string_lossy();
        if text.starts_with("http://") || text.starts_with("https://") {
            return Err(CliError::usage(format!("lint downloads nothing: {text}"))
                .hint(format!("Pipe it in: curl -fsSL {text} | kubectl backup lint -f -")));
        }
        let about = fs::metadata(name).map_err(|error| unreadable(name, &error))?;
        if !about.is_dir() {
            return self.add_file(name);
        }
        let mut files = Vec::new();
        collect(name, recursive, 0, &mut files)?;
        if files.is_empty() {
            let hint =
                if recursive { "It looks for .json, .yaml and .yml." } else { "Folders within are read with -R." };
            return Err(CliError::new(format!("{} has no manifests", name.display())).hint(hint));
        }
        files.sort();
        files.iter().try_for_each(|file| self.add_file(file))
    }

    /// Takes a text that a program made.
    ///
    /// # Errors
    /// When it is no text.
    pub fn add_bytes(&mut self, name: &str, file: Option<PathBuf>, bytes: Vec<u8>) -> Result<()> {
        self.bytes += bytes.len();
        if self.bytes > MAX_TOTAL || self.sources.len() >= MAX_FILES {
            return Err(CliError::new(format!(
                "too much at once: at most {MAX_FILES} files with {} MiB together",
                MAX_TOTAL / 1024 / 1024
            ))
            .hint("Name fewer files or folders, and lint the others in a run of their own."));
        }
        let source = Source::new(name, file, bytes).map_err(|message| {
            CliError::new(message)
                .hint("Save it as UTF-8; kubectl reads manifests in UTF-8, or in UTF-16 with a byte order mark.")
        })?;
        self.sources.push(source);
        Ok(())
    }

    fn add_stdin(&mut self) -> Result<()> {
        if self.stdin {
            return Err(CliError::usage("the standard input can be read once: -f - is given twice"));
        }
        self.stdin = true;
        let bytes = bounded(io::stdin().lock(), "the standard input")?;
        self.add_bytes("<stdin>", None, bytes)
    }

    fn add_file(&mut self, file: &Path) -> Result<()> {
        let name = file.display().to_string();
        let open = fs::File::open(file).map_err(|error| unreadable(file, &error))?;
        let bytes = bounded(open, &name)?;
        self.add_bytes(&name, Some(file.to_owned()), bytes)
    }
}

/// Reads to the end, or to the bound.
///
/// # Errors
/// When reading fails or there is more.
pub fn bounded(from: impl Read, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| CliError::new(format!("failed to read {name}: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(CliError::new(format!("{name} is larger than {} MiB", MAX_BYTES / 1024 / 1024))
            .hint("No API server takes manifests of that size; split it."));
    }
    Ok(bytes)
}

/// Links to folders are not followed, as kubectl does not: none can lead in a circle.
fn collect(folder: &Path, recursive: bool, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(CliError::new(format!("{} is more than {MAX_DEPTH} folders deep", folder.display())));
    }
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let path = entry.path();
        if entry.file_type().map_err(|error| unreadable(&path, &error))?.is_dir() {
            if recursive {
                collect(&path, recursive, depth + 1, files)?;
            }
        } else if is_manifest(&path) && is_file(&path)? {
            if files.len() >= MAX_FILES {
                return Err(CliError::new(format!("{} holds more than {MAX_FILES} manifests", folder.display())));
            }
            files.push(path);
        }
    }
    Ok(())
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|found| EXTENSIONS.iter().any(|extension| found == *extension))
}

/// Whether there is something to read that ends: folders behind links, pipes and sockets are passed over.
fn is_file(path: &Path) -> Result<bool> {
    fs::metadata(path).map(|about| about.is_file()).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> CliError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => CliError::new(format!("the path {path} does not exist")),
        _ => CliError::new(format!("failed to read {path}: {error}")),
    }
}
