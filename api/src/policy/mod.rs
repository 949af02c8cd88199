//! `BackupPolicy`: what a cluster's administrator sets for backups, as one cluster-scoped object named `default`.

mod spec;
mod status;

pub use spec::{
    Accounts, BackupPolicy, BackupPolicySpec, Defaults, Plan, QuotaLimit, RuleSeverity, SnapshotClassChoice,
};
pub use status::{BackupPolicyStatus, LastGood, QUOTAS_KEPT, QuotaCount, QuotaState, READY};

/// The one object that is read.
pub const POLICY_NAME: &str = "default";
