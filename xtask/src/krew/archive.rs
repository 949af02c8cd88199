//! The archive that krew unpacks: the program and the licence, the same bytes for the same input.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Writes the archive and gives its SHA-256 in lower case, the only form that krew takes.
pub fn write(path: &Path, program: &Path, licence: &Path) -> Result<String> {
    let draft = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    let mut tar = tar::Builder::new(GzEncoder::new(draft, Compression::best()));
    append(&mut tar, "LICENSE", licence, 0o644)?;
    append(&mut tar, "kubectl-backup", program, 0o755)?;
    let draft = tar.into_inner()?.finish()?;
    draft.persist(path)?;
    Ok(Sha256::digest(fs::read(path)?).iter().map(|byte| format!("{byte:02x}")).collect())
}

fn append(tar: &mut tar::Builder<impl Write>, name: &str, source: &Path, mode: u32) -> Result<()> {
    let file = File::open(source).with_context(|| format!("open {}", source.display()))?;
    let size = file.metadata()?.len();
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    let mut content = file.take(size);
    tar.append_data(&mut header, name, &mut content)?;
    ensure!(content.limit() == 0, "{} became shorter while it was read", source.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_depends_on_contents_only() {
        let folder = tempfile::tempdir().unwrap();
        let (program, licence) = (folder.path().join("program"), folder.path().join("licence"));
        fs::write(&program, "#!").unwrap();
        fs::write(&licence, "free").unwrap();
        let first = write(&folder.path().join("a"), &program, &licence).unwrap();
        File::open(&program).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(first, write(&folder.path().join("b"), &program, &licence).unwrap());
        fs::write(&program, "#?").unwrap();
        assert_ne!(first, write(&folder.path().join("b"), &program, &licence).unwrap());
    }

    #[test]
    fn krew_finds_an_executable_and_a_licence() {
        let folder = tempfile::tempdir().unwrap();
        let (source, path) = (folder.path().join("source"), folder.path().join("archive"));
        fs::write(&source, "content").unwrap();
        write(&path, &source, &source).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(File::open(path).unwrap()));
        let listed: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                assert_eq!(entry.header().entry_type(), tar::EntryType::Regular);
                (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap())
            })
            .collect();
        assert_eq!(listed, [("LICENSE".to_owned(), 0o644), ("kubectl-backup".to_owned(), 0o755)]);
    }
}
