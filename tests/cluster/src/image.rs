//! Container images made without Docker: one layer, the same bytes for the same input.
//!
//! The archive is an OCI layout and a `docker save` file at once, so `ctr images import`, `docker load`,
//! `podman load` and `skopeo` all take it.

mod archive;
mod layer;
mod name;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use oci_spec::image::{Config, ConfigBuilder};

pub use oci_spec::image::Digest;

use layer::{Content, Entry};

/// What goes into an image. Nothing is read or checked before [`Builder::write`].
#[derive(Debug, Clone)]
pub struct Builder {
    name: String,
    entries: Vec<Entry>,
    env: Vec<String>,
    entrypoint: Vec<String>,
    command: Vec<String>,
    user: Option<String>,
    working_dir: Option<String>,
    gzip: bool,
}

impl Builder {
    /// An empty image, named as in a pod: `busybox`, `velero/velero:v1.18.3`, `example.org/app:1`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            entries: Vec::new(),
            env: Vec::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            user: None,
            working_dir: None,
            gzip: false,
        }
    }

    /// Puts a file of this machine at `path`. Directories above it are made with mode 0755.
    pub fn file(self, path: impl Into<String>, source: impl Into<PathBuf>, mode: u32) -> Self {
        self.entry(path, mode, Content::File(source.into()))
    }

    /// Puts a file with this content at `path`.
    pub fn bytes(self, path: impl Into<String>, content: impl Into<Vec<u8>>, mode: u32) -> Self {
        self.entry(path, mode, Content::Bytes(content.into()))
    }

    /// Makes a directory, for another mode than 0755 or to have it empty.
    pub fn directory(self, path: impl Into<String>, mode: u32) -> Self {
        self.entry(path, mode, Content::Directory)
    }

    /// Makes a symbolic link at `path` that points to `target`.
    pub fn symlink(self, path: impl Into<String>, target: impl Into<String>) -> Self {
        self.entry(path, 0o777, Content::Symlink(target.into()))
    }

    /// Sets an environment variable of the container.
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push(format!("{key}={value}"));
        self
    }

    /// What the container runs; a pod's `command` replaces it.
    pub fn entrypoint<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.entrypoint = words.into_iter().map(Into::into).collect();
        self
    }

    /// The arguments after the entry point; a pod's `args` replaces them.
    pub fn command<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.command = words.into_iter().map(Into::into).collect();
        self
    }

    /// The user, as `uid` or `uid:gid`. Numbers only: `runAsNonRoot` cannot check a name.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The folder in which the container starts.
    pub fn working_dir(mut self, path: impl Into<String>) -> Self {
        self.working_dir = Some(path.into());
        self
    }

    /// Compresses the layer. Off by default: an image that stays on one machine is imported faster without.
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = gzip;
        self
    }

    /// Writes the archive and says the digest of the image's manifest. A file that was there is replaced
    /// only when the new one is complete.
    pub fn write(&self, archive: &Path) -> Result<Digest> {
        let what = || format!("make the image {} at {}", self.name, archive.display());
        let name = name::Name::parse(&self.name).with_context(what)?;
        let tree = layer::tree(&self.entries).with_context(what)?;
        archive::write(archive, &name, &tree, self.config().with_context(what)?, self.gzip).with_context(what)
    }

    fn entry(mut self, path: impl Into<String>, mode: u32, content: Content) -> Self {
        self.entries.push(Entry { path: path.into(), mode, content });
        self
    }

    fn config(&self) -> Result<Config> {
        let mut config = ConfigBuilder::default();
        if !self.env.is_empty() {
            config = config.env(self.env.clone());
        }
        if !self.entrypoint.is_empty() {
            config = config.entrypoint(self.entrypoint.clone());
        }
        if !self.command.is_empty() {
            config = config.cmd(self.command.clone());
        }
        if let Some(user) = &self.user {
            config = config.user(user.clone());
        }
        if let Some(path) = &self.working_dir {
            config = config.working_dir(path.clone());
        }
        Ok(config.build()?)
    }
}
