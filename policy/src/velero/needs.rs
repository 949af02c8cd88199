//! What the rules will ask about an object, so that nothing else is read.

use backup_api::labels::velero_label_may_be_shared;
use serde_json::Value;

use crate::{
    Kind, Operation, Subject,
    names::{LOCK_FOR, LOCKED_UNTIL},
    subject::annotation,
};

/// What an object makes us look for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs<'a> {
    /// The BackupStorageLocations.
    pub locations: bool,
    /// The VolumeSnapshotLocations.
    pub snapshot_locations: bool,
    /// This backup.
    pub backup: Option<&'a str>,
    /// The backups of this schedule.
    pub schedule: Option<&'a str>,
    /// This ConfigMap of volume policies.
    pub resource_policy: Option<&'a str>,
    /// This ConfigMap of resource modifiers.
    pub resource_modifier: Option<&'a str>,
    /// The open DeleteBackupRequests for this backup.
    pub deletions_of: Option<&'a str>,
    /// The locked backups of this location.
    pub locked_in: Option<&'a str>,
    /// The locked backups that Velero does not tell from this one.
    pub namesakes_of: Option<&'a str>,
    /// Velero's agent on the nodes.
    pub node_agent: bool,
}

impl<'a> Needs<'a> {
    /// Only what a rule will ask for is read.
    #[must_use]
    pub fn of(subject: &Subject<'a>) -> Self {
        let own_name = subject.object.pointer("/metadata/name").and_then(Value::as_str);
        if subject.kind == Kind::BackupStorageLocation && subject.operation != Operation::Create {
            return Self { locked_in: own_name, ..Self::default() };
        }
        let is_request = subject.kind == Kind::DeleteBackupRequest;
        if subject.operation == Operation::Delete || (subject.is_terminating() && !is_request) {
            return Self::default();
        }
        let spec = match subject.kind {
            Kind::Backup | Kind::Restore | Kind::DeleteBackupRequest => subject.object.get("spec"),
            Kind::Schedule => subject.object.pointer("/spec/template"),
            _ => None,
        };
        let name = |pointer: &str| spec?.pointer(pointer)?.as_str().filter(|name| !name.is_empty());
        let flag = |field: &str| spec.and_then(|spec| spec.get(field)).and_then(Value::as_bool) == Some(true);
        match subject.kind {
            Kind::Backup | Kind::Schedule => Self {
                locations: true,
                snapshot_locations: true,
                resource_policy: name("/resourcePolicy/name"),
                deletions_of: own_name.filter(|_| subject.kind == Kind::Backup && has_lock(subject.object)),
                node_agent: flag("snapshotMoveData") || flag("defaultVolumesToFsBackup"),
                ..Self::default()
            },
            Kind::Restore => Self {
                locations: name("/backupName").is_some(),
                backup: name("/backupName"),
                schedule: name("/scheduleName"),
                resource_policy: name("/resourcePolicy/name"),
                resource_modifier: name("/resourceModifier/name"),
                ..Self::default()
            },
            Kind::DeleteBackupRequest => {
                let backup = name("/backupName");
                // Hardly any name is so long that all backups must be looked at.
                let namesakes_of = backup.filter(|name| velero_label_may_be_shared(name));
                Self { backup, namesakes_of, ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

fn has_lock(object: &Value) -> bool {
    [LOCKED_UNTIL, LOCK_FOR].into_iter().any(|name| annotation(object, name).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_a_rule_asks_for_is_read() {
        let needs = |kind: &str, spec: Value| {
            let object = json!({"apiVersion": "velero.io/v1", "kind": kind, "spec": spec});
            let subject = Subject::read(&object, None).expect("a known kind");
            format!("{:?}", Needs::of(&subject))
        };
        let plain = needs("Backup", json!({}));
        assert!(plain.contains("locations: true") && plain.contains("node_agent: false"), "{plain}");
        assert!(plain.contains("snapshot_locations: true"), "{plain}");
        assert!(needs("Schedule", json!({"template": {"snapshotMoveData": true}})).contains("node_agent: true"));
        let restore = needs("Restore", json!({"backupName": "a"}));
        assert!(restore.contains(r#"backup: Some("a")"#) && restore.contains("{ locations: true"), "{restore}");
        let request = needs("DeleteBackupRequest", json!({"backupName": "a"}));
        assert!(request.contains(r#"backup: Some("a")"#) && request.contains("namesakes_of: None"), "{request}");
        let long = needs("DeleteBackupRequest", json!({"backupName": "a".repeat(63)}));
        assert!(long.contains(r#"namesakes_of: Some("aaa"#), "{long}");
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"backupName": "a"}});
        assert_eq!(Needs::of(&Subject::read(&pod, None).expect("a known kind")), Needs::default());
        let backup = json!({"apiVersion": "velero.io/v1", "kind": "Backup", "spec": {}});
        let locked = json!({"apiVersion": "velero.io/v1", "kind": "Backup",
            "metadata": {"name": "a", "annotations": {LOCK_FOR: "24h"}}, "spec": {}});
        assert_eq!(Needs::of(&Subject::write(Kind::Backup, &locked, Some(&backup))).deletions_of, Some("a"));
        assert_eq!(Needs::of(&Subject::write(Kind::Backup, &backup, None)).deletions_of, None);
        let location = json!({"metadata": {"name": "main"}});
        assert_eq!(Needs::of(&Subject::deletion(Kind::BackupStorageLocation, &location)).locked_in, Some("main"));
        assert_eq!(Needs::of(&Subject::deletion(Kind::Backup, &backup)), Needs::default());
    }
}
