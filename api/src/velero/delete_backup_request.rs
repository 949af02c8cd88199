//! The request that deletes a backup with everything in its location; deleting the Backup object alone does not.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Names the backup to delete.
#[derive(CustomResource, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[kube(
    group = "velero.io",
    version = "v1",
    kind = "DeleteBackupRequest",
    namespaced,
    schema = "disabled",
    status = "DeleteBackupRequestStatus"
)]
#[serde(rename_all = "camelCase", default)]
pub struct DeleteBackupRequestSpec {
    /// The backup.
    pub backup_name: String,
}

/// What Velero reports.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct DeleteBackupRequestStatus {
    /// `New`, `InProgress` or `Processed`; the last one also when it failed.
    pub phase: Option<String>,
    /// Why the backup is still there.
    pub errors: Option<Vec<String>>,
}
