//! What a cluster's administrator can set, with the built-in values.

use std::collections::BTreeMap;

use crate::{Severity, rules::Rule};

/// Names of the resources that the built-in quotas count, as `plural.group`.
pub mod resource {
    /// CSI VolumeSnapshots.
    pub const VOLUME_SNAPSHOTS: &str = "volumesnapshots.snapshot.storage.k8s.io";
    /// Velero Schedules.
    pub const SCHEDULES: &str = "schedules.velero.io";
}

/// Everything the rules can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How many objects of a resource a cluster may hold.
    pub quotas: Vec<Quota>,
    /// Which snapshot class belongs to which storage class; the first row that fits decides.
    pub snapshot_classes: Vec<SnapshotClassRule>,
    /// How long a Velero backup is kept when its author does not say, as a Go duration; `None` leaves it to Velero's
    /// server, whose own default nobody else can see.
    pub backup_ttl: Option<String>,
    /// Severities that differ from the rules' own, by code.
    pub severities: BTreeMap<String, Severity>,
}

/// A limit on the number of objects of one resource in the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The counted resource as `plural.group`.
    pub resource: String,
    /// How many may exist at once.
    pub limit: u32,
}

/// One row of the table that leads from a storage class to a snapshot class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotClassRule {
    /// Pattern for the storage class's name: `*` is any text, `?` any one character.
    pub storage_class: String,
    /// The VolumeSnapshotClass to use.
    pub snapshot_class: String,
}

impl Config {
    /// The limit for a resource named as `plural.group`, when there is one.
    #[must_use]
    pub fn quota(&self, resource: &str) -> Option<u32> {
        self.quotas.iter().find(|quota| quota.resource == resource).map(|quota| quota.limit)
    }

    /// What becomes of an object that breaks a rule.
    #[must_use]
    pub fn severity(&self, rule: &Rule) -> Severity {
        self.severities.get(rule.code).copied().unwrap_or(rule.severity)
    }
}

impl Default for Config {
    fn default() -> Self {
        let quota = |resource: &str, limit| Quota { resource: resource.to_owned(), limit };
        let class = |storage_class: &str, snapshot_class: &str| SnapshotClassRule {
            storage_class: storage_class.to_owned(),
            snapshot_class: snapshot_class.to_owned(),
        };
        Self {
            quotas: vec![quota(resource::VOLUME_SNAPSHOTS, 10), quota(resource::SCHEDULES, 3)],
            snapshot_classes: vec![class("*-block-*", "block-snapshot"), class("*-files-*", "files-snapshot")],
            backup_ttl: None,
            severities: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_without_a_quota_has_no_limit() {
        let config = Config::default();
        assert_eq!(config.quota(resource::VOLUME_SNAPSHOTS), Some(10));
        assert_eq!(config.quota(resource::SCHEDULES), Some(3));
        assert_eq!(config.quota("backups.velero.io"), None);
    }
}
