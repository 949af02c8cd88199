//! The one layer of an image: a tar whose bytes depend on paths, modes and contents only.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

/// One thing asked for.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) content: Content,
}

/// What is at a path.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A file of this machine, read when the layer is written.
    File(PathBuf),
    Bytes(Vec<u8>),
    Directory,
    Symlink(String),
}

/// The entries by their path in the tar, sorted, each after the directory that holds it.
pub(super) type Tree = BTreeMap<String, Entry>;

/// Orders the entries and adds the directories above them.
pub(super) fn tree(entries: &[Entry]) -> Result<Tree> {
    let mut tree = Tree::new();
    for entry in entries {
        let path = normal(&entry.path)?;
        ensure!(
            tree.insert(path, entry.clone()).is_none(),
            "`{}` is in the image twice; keep one of the two",
            entry.path
        );
    }
    for path in tree.keys().cloned().collect::<Vec<_>>() {
        for (slash, _) in path.match_indices('/') {
            let above = &path[..slash];
            match tree.get(above).map(|entry| &entry.content) {
                Some(Content::Directory) => {}
                Some(_) => bail!("`/{path}` cannot be in the image: `/{above}` is not a directory"),
                None => {
                    let entry = Entry { path: above.to_owned(), mode: 0o755, content: Content::Directory };
                    tree.insert(above.to_owned(), entry);
                }
            }
        }
    }
    Ok(tree)
}

/// The path as it stands in a tar: without the first slash.
fn normal(path: &str) -> Result<String> {
    let inner = path.strip_prefix('/').with_context(|| format!("`{path}` does not start with `/`"))?;
    ensure!(
        inner.split('/').all(|part| !matches!(part, "" | "." | "..")),
        "`{path}` is not a plain absolute path; leave out `.`, `..` and empty parts"
    );
    Ok(inner.to_owned())
}

/// Writes the tar. Owner, group and time are always 0.
pub(super) fn write(tree: &Tree, out: impl Write) -> Result<()> {
    let mut tar = tar::Builder::new(out);
    for (path, entry) in tree {
        append(&mut tar, path, entry).with_context(|| format!("put /{path} into the layer"))?;
    }
    tar.into_inner()?.flush()?;
    Ok(())
}

fn append(tar: &mut tar::Builder<impl Write>, path: &str, entry: &Entry) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    match &entry.content {
        Content::Directory => {
            header.set_entry_type(tar::EntryType::Directory);
            tar.append_data(&mut header, format!("{path}/"), std::io::empty())?;
        }
        Content::Symlink(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, path, target)?;
        }
        Content::Bytes(bytes) => {
            header.set_size(bytes.len().try_into()?);
            tar.append_data(&mut header, path, bytes.as_slice())?;
        }
        Content::File(source) => {
            let file = File::open(source).with_context(|| format!("open {}", source.display()))?;
            let metadata = file.metadata()?;
            ensure!(metadata.is_file(), "{} is not a file", source.display());
            header.set_size(metadata.len());
            let mut content = file.take(metadata.len());
            tar.append_data(&mut header, path, &mut content)?;
            // A shorter content would shift everything after it.
            ensure!(content.limit() == 0, "{} became shorter while it was read; build again", source.display());
        }
    }
    Ok(())
}
