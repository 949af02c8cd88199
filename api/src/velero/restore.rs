//! A restore of a backup.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// What Velero is asked to restore.
#[derive(CustomResource, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[kube(
    group = "velero.io",
    version = "v1",
    kind = "Restore",
    namespaced,
    schema = "disabled",
    status = "RestoreStatus"
)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreSpec {
    /// The backup; or
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_name: Option<String>,
    /// the schedule whose newest completed backup is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_name: Option<String>,
    /// Namespaces to restore; none means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_namespaces: Option<Vec<String>>,
    /// Namespaces to leave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_namespaces: Option<Vec<String>>,
    /// Resources to restore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_resources: Option<Vec<String>>,
    /// Resources to leave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_resources: Option<Vec<String>>,
    /// Cluster-scoped objects yes, no, or (absent) those that belong to restored ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_cluster_resources: Option<bool>,
    /// Source namespace to target namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_mapping: Option<BTreeMap<String, String>>,
    /// Only objects with these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    /// Only objects that one of these selectors matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub or_label_selectors: Option<Vec<LabelSelector>>,
    /// Whether volumes are restored.
    #[serde(rename = "restorePVs", skip_serializing_if = "Option::is_none")]
    pub restore_pvs: Option<bool>,
    /// Whether services keep their node ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_node_ports: Option<bool>,
    /// `none` (leave objects that exist alone) or `update`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existing_resource_policy: Option<String>,
    /// How long Velero waits for asynchronous operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_operation_timeout: Option<String>,
}

/// What Velero reports.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreStatus {
    /// Where it stands; see [`crate::velero::outcome`].
    pub phase: Option<String>,
    /// When it began (RFC 3339).
    pub start_timestamp: Option<String>,
    /// When it ended (RFC 3339).
    pub completion_timestamp: Option<String>,
    /// Why the specification was refused.
    pub validation_errors: Option<Vec<String>>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// Count of errors.
    pub errors: Option<i64>,
    /// Count of warnings.
    pub warnings: Option<i64>,
    /// Items so far.
    pub progress: Option<RestoreProgress>,
}

/// Items so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreProgress {
    /// Items to restore, as far as known.
    pub total_items: i64,
    /// Items restored.
    pub items_restored: i64,
}
