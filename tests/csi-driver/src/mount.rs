//! Bind mounts of a volume's data folder.
//!
//! Whether a target is mounted is seen by its inode: a bind mount shows the inode of the very folder that is mounted.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::loop_device;
use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};

/// What is at a target path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Not this folder: nothing, or something else.
    NotMounted,
    /// This folder.
    Mounted {
        /// Not writable there.
        read_only: bool,
    },
}

/// Is `source` mounted at `target`?
pub(crate) fn look(source: &Path, target: &Path) -> io::Result<Target> {
    let (here, there) = match (fs::symlink_metadata(target), fs::metadata(source)) {
        (Ok(here), Ok(there)) => (here, there),
        (Err(error), _) | (_, Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => return Ok(Target::NotMounted),
    };
    if (here.dev(), here.ino()) != (there.dev(), there.ino()) {
        return Ok(Target::NotMounted);
    }
    Ok(Target::Mounted { read_only: statvfs(target)?.f_flag.contains(StatVfsMountFlags::RDONLY) })
}

/// Mounts `source` at `target`, whose folder is made when missing. A failure leaves nothing mounted.
pub(crate) fn bind(source: &Path, target: &Path, read_only: bool) -> io::Result<()> {
    match fs::create_dir(target) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    mount_bind(source, target)?;
    if read_only && let Err(error) = make_read_only(target) {
        unmount(target, UnmountFlags::NOFOLLOW)?;
        return Err(error);
    }
    Ok(())
}

/// Mounts a device at `target`, whose file is made when missing.
pub(crate) fn bind_device(device: &Path, target: &Path) -> io::Result<()> {
    fs::File::options().create(true).append(true).open(target)?;
    Ok(mount_bind(device, target)?)
}

/// A bind mount takes its flags from the mount under it; what may not be taken away there must be said again.
fn make_read_only(target: &Path) -> io::Result<()> {
    let has = statvfs(target)?.f_flag;
    let kept = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let flags = kept
        .into_iter()
        .filter(|(seen, _)| has.contains(*seen))
        .fold(MountFlags::BIND | MountFlags::RDONLY, |flags, (_, flag)| flags | flag);
    Ok(mount_remount(target, flags, "")?)
}

/// Unmounts all that is mounted at `target`, takes a device there from its file and removes the folder or file; what is not there
/// is fine.
pub(crate) fn release(target: &Path) -> io::Result<()> {
    let device = loop_device::device_at(target)?;
    unmount_all(target)?;
    if let Some(device) = device {
        loop_device::detach(&device)?;
    }
    let removed = match fs::symlink_metadata(target) {
        Ok(there) if there.is_dir() => fs::remove_dir(target),
        Ok(_) => fs::remove_file(target),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn unmount_all(target: &Path) -> io::Result<()> {
    loop {
        match unmount(target, UnmountFlags::NOFOLLOW) {
            Ok(()) => {}
            // Not a mount point.
            Err(Errno::INVAL | Errno::NOENT) => return Ok(()),
            // Without the right to mount there is nothing mounted: removing the folder tells.
            Err(Errno::PERM) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
