//! A folder of things that each have data and a record. A thing counts from the moment its folder gets its final name,
//! and no longer from the moment it loses it: a crash at any point leaves only what the next start sweeps away.

use std::fs;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Id, tree};
use crate::error::Error;

/// The folder of all things with a record of type `R`.
pub(crate) struct Shelf<R> {
    folder: PathBuf,
    record_file: &'static str,
    record: PhantomData<fn() -> R>,
}

impl<R: Serialize + DeserializeOwned> Shelf<R> {
    pub(crate) fn open(folder: PathBuf, record_file: &'static str) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(Error::io(format!("cannot make the folder {}", folder.display())))?;
        let shelf = Self { folder, record_file, record: PhantomData };
        for name in shelf.names()? {
            // No id begins with a dot: these are things half made or half removed.
            if name.starts_with('.') {
                tree::remove(&shelf.folder.join(name))?;
            }
        }
        Ok(shelf)
    }

    /// Where the bytes of a thing are.
    pub(crate) fn data(&self, id: &Id) -> PathBuf {
        self.folder.join(id.as_str()).join("data")
    }

    /// The record of a thing, if there is such a thing.
    pub(crate) fn get(&self, id: &Id) -> Result<Option<R>, Error> {
        let path = self.folder.join(id.as_str()).join(self.record_file);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { action: format!("cannot read {}", path.display()), source }),
        };
        let record = serde_json::from_slice(&text).map_err(|bad| Error::Io {
            action: format!("{} is not a record of this driver: repair or remove its folder", path.display()),
            source: bad.into(),
        })?;
        Ok(Some(record))
    }

    /// All ids, in order.
    pub(crate) fn ids(&self) -> Result<Vec<Id>, Error> {
        let mut ids: Vec<Id> = self.names()?.into_iter().filter_map(|name| Id::try_from(name).ok()).collect();
        ids.sort();
        Ok(ids)
    }

    /// Makes a thing: `fill` gets its empty data folder. The caller holds the claim to the id.
    pub(crate) fn put(&self, id: &Id, record: &R, fill: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
        let half = self.folder.join(format!(".new-{id}"));
        let made = self.make(&half, record, fill).and_then(|()| {
            fs::rename(&half, self.folder.join(id.as_str())).map_err(Error::io(format!("cannot name {id}")))
        });
        if made.is_err()
            && let Err(left) = tree::remove(&half)
        {
            tracing::warn!("{left}; it is swept at the next start");
        }
        made
    }

    fn make(&self, half: &Path, record: &R, fill: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
        tree::remove(half)?;
        let data = half.join("data");
        fs::create_dir_all(&data).map_err(Error::io(format!("cannot make {}", data.display())))?;
        fill(&data)?;
        let path = half.join(self.record_file);
        let failed = format!("cannot write {}", path.display());
        let text = serde_json::to_vec_pretty(record)
            .map_err(|bad| Error::Io { action: failed.clone(), source: bad.into() })?;
        fs::write(&path, text).map_err(Error::io(failed))
    }

    /// Removes a thing, if there is such a thing. The caller holds the claim to the id.
    pub(crate) fn remove(&self, id: &Id) -> Result<(), Error> {
        let half = self.folder.join(format!(".old-{id}"));
        tree::remove(&half)?;
        match fs::rename(self.folder.join(id.as_str()), &half) {
            Ok(()) => tree::remove(&half),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(Error::Io { action: format!("cannot remove {id}"), source }),
        }
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        fs::read_dir(&self.folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect())
            .map_err(Error::io(format!("cannot list {}", self.folder.display())))
    }
}
