//! A listening unix socket that is removed when it is no longer used.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;

/// The file of a socket; dropped, it goes, unless somebody else's socket has taken its place.
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

/// Listens at `path`, after removing a socket that a killed run left there.
pub(crate) fn listen(path: &Path) -> anyhow::Result<(UnixListenerStream, SocketFile)> {
    remove_stale(path)?;
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen at {}", path.display()))?;
    let inode = fs::symlink_metadata(path).with_context(|| format!("cannot find {}", path.display()))?.ino();
    let file = SocketFile { path: path.to_owned(), inode };
    fs::set_permissions(path, Permissions::from_mode(0o600))
        .with_context(|| format!("cannot close {} to others", path.display()))?;
    Ok((UnixListenerStream::new(listener), file))
}

fn remove_stale(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {shown}")),
        Ok(meta) if !meta.file_type().is_socket() => bail!("{shown} exists and is not a socket: choose another path"),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => bail!("another process listens at {shown}: stop it, or choose another path"),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).with_context(|| format!("cannot remove the stale socket {shown}"))
        }
        Err(error) => Err(error).with_context(|| format!("cannot tell whether anybody listens at {shown}")),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.ino() == self.inode)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!("cannot remove the socket {}: {error}", self.path.display());
        }
    }
}
