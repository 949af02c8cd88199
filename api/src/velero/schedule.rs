//! A schedule: a backup template and a cron expression.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::BackupSpec;

/// When which backup is made.
#[derive(CustomResource, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[kube(
    group = "velero.io",
    version = "v1",
    kind = "Schedule",
    namespaced,
    schema = "disabled",
    status = "ScheduleStatus"
)]
#[serde(rename_all = "camelCase", default)]
pub struct ScheduleSpec {
    /// The backup that is made.
    pub template: BackupSpec,
    /// Cron expression in Velero's dialect.
    pub schedule: String,
    /// Whether it rests.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// What Velero reports.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ScheduleStatus {
    /// `New`, `Enabled` or `FailedValidation`.
    pub phase: Option<String>,
    /// When it last ran (RFC 3339).
    pub last_backup: Option<String>,
    /// Why the specification was refused.
    pub validation_errors: Option<Vec<String>>,
}
