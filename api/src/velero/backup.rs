//! A backup: what is saved, where and for how long.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// What Velero is asked to save. Durations are Go's (`720h0m0s`).
#[derive(CustomResource, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[kube(group = "velero.io", version = "v1", kind = "Backup", namespaced, schema = "disabled", status = "BackupStatus")]
#[serde(rename_all = "camelCase", default)]
pub struct BackupSpec {
    /// Namespaces to save; none means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_namespaces: Option<Vec<String>>,
    /// Namespaces to leave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_namespaces: Option<Vec<String>>,
    /// Old-style filter: resources to save.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_resources: Option<Vec<String>>,
    /// Old-style filter: resources to leave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_resources: Option<Vec<String>>,
    /// Old-style filter: cluster-scoped objects yes, no, or (absent) those that belong to saved ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_cluster_resources: Option<bool>,
    /// New-style filter; never mixed with the old style.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_cluster_scoped_resources: Option<Vec<String>>,
    /// New-style filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_cluster_scoped_resources: Option<Vec<String>>,
    /// New-style filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_namespace_scoped_resources: Option<Vec<String>>,
    /// New-style filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_namespace_scoped_resources: Option<Vec<String>>,
    /// Only objects with these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    /// Only objects that one of these selectors matches; never beside `label_selector`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub or_label_selectors: Option<Vec<LabelSelector>>,
    /// Whether volumes are snapshotted at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_volumes: Option<bool>,
    /// Whether a snapshot's data are copied to the storage location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_move_data: Option<bool>,
    /// Whether pod volumes are backed up by file system unless they opt out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_volumes_to_fs_backup: Option<bool>,
    /// How long the backup is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// The storage location; the default one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_location: Option<String>,
    /// Locations for native (not CSI) snapshots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_snapshot_locations: Option<Vec<String>>,
    /// How long Velero waits for one CSI snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csi_snapshot_timeout: Option<String>,
    /// How long Velero waits for asynchronous operations such as data movement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_operation_timeout: Option<String>,
    /// A ConfigMap with rules for single volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<ResourcePolicyRef>,
}

/// Names the ConfigMap with a backup's resource policies, in Velero's namespace.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct ResourcePolicyRef {
    /// Always `configmap`.
    pub kind: String,
    /// The ConfigMap.
    pub name: String,
}

/// What Velero reports.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStatus {
    /// Where it stands; see [`crate::velero::outcome`].
    pub phase: Option<String>,
    /// When it is deleted (RFC 3339).
    pub expiration: Option<String>,
    /// When it began (RFC 3339).
    pub start_timestamp: Option<String>,
    /// When it ended (RFC 3339).
    pub completion_timestamp: Option<String>,
    /// Its place in the server's queue.
    pub queue_position: Option<i64>,
    /// Why the specification was refused.
    pub validation_errors: Option<Vec<String>>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// Count of errors; the texts are in the storage location.
    pub errors: Option<i64>,
    /// Count of warnings; the texts are in the storage location.
    pub warnings: Option<i64>,
    /// Items so far.
    pub progress: Option<BackupProgress>,
    /// CSI snapshots tried.
    pub csi_volume_snapshots_attempted: Option<i64>,
    /// CSI snapshots taken.
    pub csi_volume_snapshots_completed: Option<i64>,
    /// Asynchronous operations (data movements) started.
    pub backup_item_operations_attempted: Option<i64>,
    /// Asynchronous operations that ended well.
    pub backup_item_operations_completed: Option<i64>,
    /// Asynchronous operations that failed.
    pub backup_item_operations_failed: Option<i64>,
}

/// Items so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupProgress {
    /// Items that the backup will hold, as far as known.
    pub total_items: i64,
    /// Items saved.
    pub items_backed_up: i64,
}
