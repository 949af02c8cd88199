//! Calls of the test CSI driver that wait until a test lets them go on.

use std::{fs, path::PathBuf};

use crate::{Namespace, TestCluster};

/// Calls that a class holds with `fault.test/hold`. They go on when this is released, at the latest when it goes away.
pub struct Hold {
    name: String,
    file: PathBuf,
}

impl Hold {
    /// Holds calls to the driver of the storage family `block` or `files`, under the namespace's name.
    #[track_caller]
    pub fn new(namespace: &Namespace<'_>, family: &str) -> Self {
        Self::named(namespace.cluster(), family, namespace.name())
    }

    /// The same under a name that no other test of this cluster uses.
    #[track_caller]
    pub fn named(cluster: &TestCluster, family: &str, name: &str) -> Self {
        let folder = cluster.cluster().state_dir().join("csi").join(family).join("released");
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self { name: name.to_owned(), file: folder.join(name) }
    }

    /// The value of `fault.test/hold`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets them go on.
    #[track_caller]
    pub fn release(&self) {
        fs::write(&self.file, "").unwrap_or_else(|error| panic!("{}: {error}", self.file.display()));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.file, "") {
            eprintln!("{}: {error}", self.file.display());
        }
    }
}
