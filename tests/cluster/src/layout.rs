//! The folder of one cluster, and the record in it of what runs.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::address::Addresses;
use crate::components::Built;
use crate::leftovers::ProcessId;
use crate::options::Options;

/// The kernel's limit for the path of a unix socket, without its closing zero.
const SOCKET_PATH_LIMIT: usize = 107;

/// The paths of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub root: PathBuf,
}

impl Layout {
    /// Makes the folder, readable by this user only: it holds keys and tokens.
    pub(crate) fn make(&self) -> Result<()> {
        for folder in [self.root.clone(), self.logs(), self.sockets(), self.folder("home"), self.folder("tmp")] {
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        }
        fs::set_permissions(&self.root, Permissions::from_mode(0o700))?;
        let longest = self.sockets().join("files-csi.sock");
        ensure!(
            longest.as_os_str().len() <= SOCKET_PATH_LIMIT,
            "the path {} is too long for a socket: set KUBECTL_BACKUP_CACHE to a shorter folder",
            longest.display()
        );
        Ok(())
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.folder("logs")
    }

    pub(crate) fn log(&self, component: &str) -> PathBuf {
        self.logs().join(format!("{component}.log"))
    }

    /// Logs of pods' containers, in the node profile.
    pub(crate) fn pod_logs(&self) -> PathBuf {
        self.folder("pod-logs")
    }

    pub(crate) fn sockets(&self) -> PathBuf {
        self.folder("run")
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.folder("bin")
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder("kubeconfig")
    }

    /// The kubeconfig of another user.
    pub(crate) fn kubeconfig_of(&self, user: &str) -> PathBuf {
        self.folder("kubeconfigs").join(user)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder("pki").join("ca.crt")
    }

    fn record_file(&self) -> PathBuf {
        self.folder("record.json")
    }

    fn request_file(&self) -> PathBuf {
        self.folder("request.json")
    }

    /// What runs; none when nothing was ever started here.
    pub(crate) fn record(&self) -> Result<Option<Record>> {
        read_json(&self.record_file())
    }

    pub(crate) fn write_record(&self, record: &Record) -> Result<()> {
        write_json(&self.record_file(), record)
    }

    pub(crate) fn request(&self) -> Result<Request> {
        read_json(&self.request_file())?.context("it did not come up, only its logs are left")
    }

    pub(crate) fn write_request(&self, request: &Request) -> Result<()> {
        write_json(&self.request_file(), request)
    }
}

/// What the supervisor is to start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub options: Options,
    pub built: Built,
    pub csi_driver: PathBuf,
    /// Archives of the node's images.
    #[serde(default)]
    pub images: Vec<PathBuf>,
}

impl Request {
    /// The path of a pinned program.
    pub(crate) fn program(&self, component: &str, program: &str) -> Result<PathBuf> {
        Ok(self.component(component)?.1.join(program))
    }

    /// The version of a component.
    pub(crate) fn version(&self, component: &str) -> Result<&str> {
        Ok(&self.component(component)?.0)
    }

    /// The folder of a built component.
    pub(crate) fn component(&self, component: &str) -> Result<&(String, PathBuf)> {
        self.built.get(component).with_context(|| format!("component {component} is not part of this cluster"))
    }
}

/// What the supervisor says of its cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub supervisor: ProcessId,
    pub addresses: Addresses,
    /// Seconds since 1970.
    pub started: u64,
    pub ready: bool,
    /// The first process of the node's namespaces.
    #[serde(default)]
    pub first_process: Option<i32>,
    /// Components that ended by themselves, with how.
    pub ended: BTreeMap<String, String>,
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Other processes read these files at any time: they see the old one or the new one.
fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, serde_json::to_vec_pretty(value)?)?;
    fs::rename(&draft, path).with_context(|| format!("writing {}", path.display()))
}

/// The last lines of a log, for an error message.
pub(crate) fn log_tail(path: &Path, lines: usize) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Writes a file that only this user may read.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("writing {}", path.display()))
}
