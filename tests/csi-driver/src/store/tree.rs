//! Copies and removes whole folders.
//!
//! A copy has the bytes, modes, times, symbolic links, hard links and special files of the original, and its owners
//! when the driver may give files away. Extended attributes and holes in files are not carried over.

use std::collections::HashMap;
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};

use crate::error::Error;

/// May the original change while it is copied?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A pod may be writing: what vanishes under the copy was deleted by it and is left out.
    Live,
    /// Nobody writes: what vanishes is an error.
    Still,
}

struct Copy {
    origin: Origin,
    /// May this process give files to others?
    gives_away: bool,
    /// Where the first name of a file with several names was copied to.
    linked: HashMap<(u64, u64), PathBuf>,
}

/// Copies what is in `from` into the empty folder `to`.
pub(crate) fn copy(from: &Path, to: &Path, origin: Origin) -> Result<(), Error> {
    let mut copy = Copy { origin, gives_away: rustix::process::geteuid().is_root(), linked: HashMap::new() };
    let meta = fs::symlink_metadata(from).map_err(Error::io(format!("cannot read {}", from.display())))?;
    copy.folder(from, to, &meta)
}

impl Copy {
    fn folder(&mut self, from: &Path, to: &Path, meta: &Metadata) -> Result<(), Error> {
        let failed = || format!("cannot list {}", from.display());
        for entry in fs::read_dir(from).map_err(Error::io(failed()))? {
            let name = entry.map_err(Error::io(failed()))?.file_name();
            let (from, to) = (from.join(&name), to.join(&name));
            match self.entry(&from, &to) {
                Err(Error::Io { source, .. })
                    if self.origin == Origin::Live && source.kind() == io::ErrorKind::NotFound =>
                {
                    // Half a file that was deleted has no place in the copy.
                    remove(&to)?;
                }
                result => result?,
            }
        }
        // Last, because writing into the folder changes its time and may need a mode that it does not have.
        self.attributes(to, meta)
    }

    fn entry(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        let failed = || format!("cannot copy {}", from.display());
        let meta = fs::symlink_metadata(from).map_err(Error::io(failed()))?;
        let kind = meta.file_type();
        if kind.is_dir() {
            fs::create_dir(to).map_err(Error::io(failed()))?;
            return self.folder(from, to, &meta);
        }
        if let Some(first) = self.linked.get(&(meta.dev(), meta.ino())) {
            return fs::hard_link(first, to).map_err(Error::io(failed()));
        }
        if kind.is_symlink() {
            fs::read_link(from).and_then(|target| symlink(target, to)).map_err(Error::io(failed()))?;
        } else if kind.is_file() {
            fs::copy(from, to).map_err(Error::io(failed()))?;
        } else {
            let (kind, mode) = (FileType::from_raw_mode(meta.mode()), Mode::from_raw_mode(meta.mode()));
            mknodat(CWD, to, kind, mode, meta.rdev()).map_err(|error| Error::io(failed())(error.into()))?;
        }
        self.attributes(to, &meta)?;
        if meta.nlink() > 1 {
            self.linked.insert((meta.dev(), meta.ino()), to.to_owned());
        }
        Ok(())
    }

    /// Owner, then mode (a change of owner clears the set-uid bits), then times.
    fn attributes(&self, to: &Path, meta: &Metadata) -> Result<(), Error> {
        let times = Timestamps {
            last_access: Timespec { tv_sec: meta.atime(), tv_nsec: meta.atime_nsec() },
            last_modification: Timespec { tv_sec: meta.mtime(), tv_nsec: meta.mtime_nsec() },
        };
        let set = || -> io::Result<()> {
            if self.gives_away {
                lchown(to, Some(meta.uid()), Some(meta.gid()))?;
            }
            if !meta.file_type().is_symlink() {
                fs::set_permissions(to, Permissions::from_mode(meta.mode() & 0o7777))?;
            }
            Ok(utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW)?)
        };
        set().map_err(Error::io(format!("cannot set owner, mode and time of {}", to.display())))
    }
}

/// Removes a folder with all in it, or a file; what is not there is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let attempt = || match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    let removed = match attempt() {
        // Without root, folders that forbid it to their owner must be opened first.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open_up(path).and_then(|()| attempt()),
        other => other,
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::Io { action: format!("cannot remove {}", path.display()), source: error })
        }
        _ => Ok(()),
    }
}

fn open_up(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
