//! A storage location: the bucket that backups are kept in.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Where backups are kept.
#[derive(CustomResource, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[kube(
    group = "velero.io",
    version = "v1",
    kind = "BackupStorageLocation",
    namespaced,
    schema = "disabled",
    status = "BackupStorageLocationStatus"
)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStorageLocationSpec {
    /// The object store plugin, such as `aws`.
    pub provider: String,
    /// The bucket.
    pub object_storage: ObjectStorage,
    /// Whether backups without a location go here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// `ReadWrite` (also when absent) or `ReadOnly`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_mode: Option<String>,
}

/// A bucket and a folder in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectStorage {
    /// The bucket.
    pub bucket: String,
    /// The folder in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// What Velero reports.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStorageLocationStatus {
    /// `Available` or `Unavailable`.
    pub phase: Option<String>,
    /// Why it is unavailable.
    pub message: Option<String>,
    /// When it was last looked at (RFC 3339).
    pub last_validation_time: Option<String>,
}
