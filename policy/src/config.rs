//! What a cluster's administrator can set, with the built-in values.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The same for the backups of schedules.
    pub schedule_ttl: Option<String>,
    /// The BackupStorageLocation of backups and schedules that name none.
    pub storage_location: Option<String>,
    /// Labels that backups and schedules' backups get.
    pub labels: BTreeMap<String, String>,
    /// Severities that differ from the rules' own, by code.
    pub severities: BTreeMap<String, Severity>,
    /// Named schedules with their retention.
    pub plans: Vec<Plan>,
    /// Accounts that no quota and no deletion lock binds, and that rules only warn.
    pub exemptions: Accounts,
}

/// A limit on the number of objects of one resource in the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The counted resource as `plural.group`.
    pub resource: String,
    /// How many may exist at once.
    pub limit: u32,
    /// Further accounts that this quota does not bind.
    pub exempt: Accounts,
}

/// Accounts, told by what the API server authenticated: labels and names of objects could be set by anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// User names; none is a pattern.
    pub users: BTreeSet<String>,
    /// Group names; none is a pattern.
    pub groups: BTreeSet<String>,
}

impl Accounts {
    /// Whether this user of these groups is one of them.
    #[must_use]
    pub fn hold(&self, user: &str, groups: &[String]) -> bool {
        self.users.contains(user) || groups.iter().any(|group| self.groups.contains(group))
    }
}

/// A named schedule with its retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// When, in Velero's dialect of cron.
    pub schedule: String,
    /// How long each backup is kept, as a Go duration.
    pub ttl: Option<String>,
    /// For how long after its creation a backup must not be deleted, as a Go duration.
    pub lock: Option<String>,
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
        if rule.is_fixed() {
            return rule.severity;
        }
        self.severities.get(rule.code).copied().unwrap_or(rule.severity)
    }

    /// Whether the rules only warn this account.
    #[must_use]
    pub fn exempts(&self, user: &str, groups: &[String]) -> bool {
        self.exemptions.hold(user, groups)
    }

    /// Whether the quota of this resource (as `plural.group`) lets this account pass.
    #[must_use]
    pub fn exempts_from_quota(&self, user: &str, groups: &[String], resource: &str) -> bool {
        self.exempts(user, groups)
            || self.quotas.iter().any(|quota| quota.resource == resource && quota.exempt.hold(user, groups))
    }
}

impl Default for Config {
    fn default() -> Self {
        let quota = |resource: &str, limit| Quota { resource: resource.to_owned(), limit, exempt: Accounts::default() };
        let class = |storage_class: &str, snapshot_class: &str| SnapshotClassRule {
            storage_class: storage_class.to_owned(),
            snapshot_class: snapshot_class.to_owned(),
        };
        Self {
            quotas: vec![quota(resource::VOLUME_SNAPSHOTS, 10), quota(resource::SCHEDULES, 3)],
            snapshot_classes: vec![class("*-block-*", "block-snapshot"), class("*-files-*", "files-snapshot")],
            backup_ttl: None,
            schedule_ttl: None,
            storage_location: None,
            labels: BTreeMap::new(),
            severities: BTreeMap::new(),
            plans: Vec::new(),
            exemptions: Accounts::default(),
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

    #[test]
    fn an_account_is_exempt_from_one_quota_or_from_all() {
        let accounts = |users: &[&str], groups: &[&str]| Accounts {
            users: users.iter().map(|user| (*user).to_owned()).collect(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        let mut config = Config { exemptions: accounts(&["root"], &["admins"]), ..Config::default() };
        config.quotas[1].exempt = accounts(&["planner"], &[]);
        let exempts = |user: &str, groups: &[&str], resource: &str| {
            let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
            config.exempts_from_quota(user, &groups, resource)
        };
        assert!(exempts("root", &[], resource::VOLUME_SNAPSHOTS) && exempts("root", &[], "pods"));
        assert!(exempts("alice", &["admins"], resource::SCHEDULES));
        assert!(exempts("planner", &[], resource::SCHEDULES) && !exempts("planner", &[], resource::VOLUME_SNAPSHOTS));
        assert!(!exempts("admins", &["root"], resource::SCHEDULES), "a user is no group");
        assert!(config.exempts("root", &[]) && !config.exempts("planner", &[]), "a quota's accounts pass that quota");
    }

    #[test]
    fn no_severity_opens_a_lock_or_the_mark() {
        for code in ["BKP350", "BKP351", "BKP352", "BKP353", "BKP355", "BKP401", "BKP101"] {
            let config = Config { severities: [(code.to_owned(), Severity::Off)].into(), ..Config::default() };
            let severity = config.severity(crate::rules::by_code(code).expect(code));
            assert_eq!(severity == Severity::Deny, code != "BKP101", "{code}");
        }
    }
}
