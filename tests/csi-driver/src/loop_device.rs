//! A volume of mode Block is a file; a pod gets it as a device, by a loop device. `losetup` comes with every Linux, and the
//! kubelet needs it for volumes of that mode itself.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{major, minor};

/// What is at a target path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Not a device of this file.
    Other,
    /// A device of this file.
    Attached {
        /// It takes no writes.
        read_only: bool,
    },
}

/// Is a device of `file` at `target`?
pub(crate) fn look(file: &Path, target: &Path) -> io::Result<Target> {
    let Some(facts) = facts_of(target)? else { return Ok(Target::Other) };
    match fs::read_to_string(facts.join("loop/backing_file")) {
        Ok(backing) if Path::new(backing.trim_end()) == file => {
            let read_only = fs::read_to_string(facts.join("ro"))?.trim_end() == "1";
            Ok(Target::Attached { read_only })
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(Target::Other),
    }
}

/// Gives the file a device.
pub(crate) fn attach(file: &Path, read_only: bool) -> io::Result<PathBuf> {
    let flags: &[&str] = if read_only { &["--read-only"] } else { &[] };
    let told =
        losetup(flags.iter().map(OsStr::new).chain(["--find", "--show"].map(OsStr::new)).chain([file.as_os_str()]))?;
    Ok(PathBuf::from(told.trim_end()))
}

/// The device at a target path, if there is one.
pub(crate) fn device_at(target: &Path) -> io::Result<Option<PathBuf>> {
    let Some(facts) = facts_of(target)? else { return Ok(None) };
    let name = fs::canonicalize(facts)?;
    Ok(name.file_name().map(|name| Path::new("/dev").join(name)))
}

/// Takes the device from its file.
pub(crate) fn detach(device: &Path) -> io::Result<()> {
    losetup(["--detach".as_ref(), device.as_os_str()]).map(drop)
}

/// Where the kernel tells of the device that is at the path.
fn facts_of(target: &Path) -> io::Result<Option<PathBuf>> {
    match fs::symlink_metadata(target) {
        Ok(there) if there.file_type().is_block_device() => {
            Ok(Some(PathBuf::from(format!("/sys/dev/block/{}:{}", major(there.rdev()), minor(there.rdev())))))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(None),
    }
}

fn losetup<'a>(args: impl IntoIterator<Item = &'a OsStr>) -> io::Result<String> {
    let output = Command::new("losetup").args(args).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(io::Error::other(format!("losetup: {}", String::from_utf8_lossy(&output.stderr).trim_end())))
}
