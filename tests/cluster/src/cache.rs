//! Where built programs and clusters live: outside the checkout.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The cache folder of this user.
#[derive(Debug, Clone)]
pub(crate) struct Cache(PathBuf);

impl Cache {
    /// Finds the folder in the environment and makes it.
    pub(crate) fn open() -> Result<Self> {
        let root = root(&variable)
            .context("no place for the cache: set KUBECTL_BACKUP_CACHE, XDG_CACHE_HOME or HOME to an absolute path")?;
        let cache = Self(root);
        for folder in [cache.components(), cache.clusters()] {
            fs::create_dir_all(&folder).with_context(|| format!("making the cache folder {}", folder.display()))?;
        }
        Ok(cache)
    }

    /// Built programs, one folder per component and fingerprint.
    pub(crate) fn components(&self) -> PathBuf {
        self.0.join("components")
    }

    /// Clusters, one folder per name.
    pub(crate) fn clusters(&self) -> PathBuf {
        self.0.join("clusters")
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the edge that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn root(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("KUBECTL_BACKUP_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|home| home.join("kubectl-backup")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/kubectl-backup")))
        .filter(|path| path.is_absolute())
}

/// Holds a folder against other processes until dropped. The lock is on the folder itself: no lock file is left behind.
pub(crate) fn lock(folder: &Path, waiting: &mut dyn FnMut(&str)) -> Result<File> {
    let file = File::open(folder).with_context(|| format!("opening {}", folder.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            waiting(&format!("waiting for the process that holds {}", folder.display()));
        }
        Err(fs::TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("locking {}", folder.display()));
        }
    }
    file.lock().with_context(|| format!("locking {}", folder.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_with(set: &[(&str, &str)]) -> Option<PathBuf> {
        root(&|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value)))
    }

    #[test]
    fn the_most_particular_variable_wins() {
        let all = [("KUBECTL_BACKUP_CACHE", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")];
        assert_eq!(root_with(&all), Some("/a".into()));
        assert_eq!(root_with(&all[1..]), Some("/b/kubectl-backup".into()));
        assert_eq!(root_with(&all[2..]), Some("/c/.cache/kubectl-backup".into()));
        assert_eq!(root_with(&[]), None);
    }

    #[test]
    fn a_relative_cache_would_move_with_the_working_folder() {
        assert_eq!(root_with(&[("KUBECTL_BACKUP_CACHE", "cache")]), None);
    }
}
