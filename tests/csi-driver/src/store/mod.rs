//! The folder: `volumes/<id>/{data/, volume.json}` and `snapshots/<id>/{data/, snapshot.json}`.

mod claims;
mod id;
mod records;
mod shelf;
mod tree;

pub(crate) use claims::{Claim, Claims};
pub use id::{Id, Key, Kind};
pub use records::{Readiness, Snapshot, Source, Volume};
pub(crate) use tree::Origin;

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::error::Error;
use shelf::Shelf;

/// The file in the data of a volume of mode Block.
const DISK: &str = "disk";

/// Makes the file of a volume of mode Block, or lengthens what its source had.
fn make_disk(path: &Path, capacity_bytes: i64) -> Result<(), Error> {
    let bytes = u64::try_from(capacity_bytes).unwrap_or_default();
    let opened = File::options().create(true).append(true).open(path);
    opened.and_then(|file| file.set_len(bytes)).map_err(Error::io(format!("cannot make {}", path.display())))
}

/// All volumes and snapshots of one driver.
pub struct Store {
    pub(crate) volumes: Shelf<Volume>,
    pub(crate) snapshots: Shelf<Snapshot>,
    /// Held while the store is open: two drivers over one folder would sweep away each other's work.
    _lock: File,
}

impl Store {
    /// Opens the folder, which is made when missing, and sweeps what an interrupted run left half done.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let shown = root.display();
        fs::create_dir_all(root).map_err(Error::io(format!("cannot make the folder {shown}")))?;
        let lock =
            File::create(root.join(".lock")).map_err(Error::io(format!("cannot make a lock file in {shown}")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Invalid(format!(
                    "{shown} is in use by another driver: give each a root of its own"
                )));
            }
            Err(TryLockError::Error(source)) => {
                return Err(Error::Io { action: format!("cannot lock {shown}"), source });
            }
        }
        Ok(Self {
            volumes: Shelf::open(root.join("volumes"), "volume.json")?,
            snapshots: Shelf::open(root.join("snapshots"), "snapshot.json")?,
            _lock: lock,
        })
    }

    /// Makes a volume: empty, or with the bytes of its source.
    pub(crate) fn create_volume(&self, volume: &Volume) -> Result<(), Error> {
        self.volumes.put(&volume.id, volume, |data| {
            match &volume.source {
                // Pods run as anybody, and nothing sets an owner here.
                None => fs::set_permissions(data, fs::Permissions::from_mode(0o777))
                    .map_err(Error::io(format!("cannot open {} to everybody", data.display())))?,
                Some(Source::Snapshot(id)) => tree::copy(&self.snapshots.data(id), data, Origin::Still)?,
                Some(Source::Volume(id)) => tree::copy(&self.volumes.data(id), data, Origin::Live)?,
            }
            if volume.block { make_disk(&data.join(DISK), volume.capacity_bytes) } else { Ok(()) }
        })
    }

    /// The file that is a volume of mode Block.
    pub(crate) fn disk(&self, id: &Id) -> PathBuf {
        self.volumes.data(id).join(DISK)
    }

    /// Takes a snapshot: a copy of the source's bytes as they are now.
    pub(crate) fn create_snapshot(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let source = self.volumes.data(&snapshot.source_volume);
        self.snapshots.put(&snapshot.id, snapshot, |data| tree::copy(&source, data, Origin::Live))
    }

    /// Lets the data of a snapshot vanish if that was ordered and the snapshot has become ready.
    pub(crate) fn settle(&self, snapshot: &Snapshot, now: Timestamp) -> Result<(), Error> {
        if snapshot.lose_content && snapshot.ready.is_reached(now) {
            tree::remove(&self.snapshots.data(&snapshot.id))?;
        }
        Ok(())
    }

    /// Refuses a snapshot that cannot be restored: not ready, or its data are gone.
    pub(crate) fn check_restorable(&self, snapshot: &Snapshot, now: Timestamp) -> Result<(), Error> {
        let key = Key::snapshot(snapshot.id.clone());
        if !snapshot.ready.is_reached(now) {
            return Err(Error::NotReady(key));
        }
        self.settle(snapshot, now)?;
        match self.snapshots.data(&snapshot.id).try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::ContentLost(key)),
            Err(source) => Err(Error::Io { action: format!("cannot look for the data of {key}"), source }),
        }
    }
}
