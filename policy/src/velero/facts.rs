//! What the rules may be told about Velero and its objects.

use backup_api::labels::velero_label_value;
use jiff::Timestamp;
use serde_json::Value;

use super::Lock;

/// What is known of Velero in the object's namespace. `None` means not known, never "there is none".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VeleroFacts {
    /// Every BackupStorageLocation.
    pub locations: Option<Vec<LocationFact>>,
    /// Every VolumeSnapshotLocation.
    pub snapshot_locations: Option<Vec<SnapshotLocationFact>>,
    /// The backup that a Restore or a DeleteBackupRequest names.
    pub backup: Option<Lookup<BackupFact>>,
    /// The backups of the schedule that a Restore names.
    pub backups_of_schedule: Option<Vec<BackupFact>>,
    /// The ConfigMap of volume policies that a backup names.
    pub resource_policy: Option<Lookup<ConfigMapFact>>,
    /// The ConfigMap of modifiers that a restore names.
    pub resource_modifier: Option<Lookup<ConfigMapFact>>,
    /// The DeleteBackupRequests for the backup that is written, which Velero has not done with.
    pub deletions: Option<Vec<String>>,
    /// The backup of the location that is written whose lock ends last.
    pub locked_backup: Option<Lookup<LockedBackup>>,
    /// The backup whose lock ends last of those whose data Velero takes for that of the one to be deleted.
    pub locked_namesake: Option<Lookup<LockedBackup>>,
    /// Whether Velero's agent is ready on a node.
    pub node_agent: Option<bool>,
}

/// What came of looking for a named object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// There is none.
    Absent,
    /// This is it.
    Found(T),
}

/// A BackupStorageLocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocationFact {
    /// Its name.
    pub name: String,
    /// Whether backups that name none are kept there.
    pub is_default: bool,
    /// Whether nothing may be written there.
    pub read_only: bool,
    /// Whether Velero could reach it last time.
    pub available: bool,
}

/// A VolumeSnapshotLocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotLocationFact {
    /// Its name.
    pub name: String,
    /// Whose snapshots it is for.
    pub provider: String,
}

/// A Backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupFact {
    /// How far it is; empty before Velero has seen it.
    pub phase: String,
    /// The location that holds it.
    pub storage_location: String,
    /// When its deletion lock ends, when it has one.
    pub locked_until: Option<Timestamp>,
}

/// A backup with a deletion lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedBackup {
    /// Its name.
    pub name: String,
    /// When the lock ends.
    pub until: Timestamp,
}

impl LockedBackup {
    /// Of these stored backups the one in that location whose lock ends last.
    pub fn last<'a>(backups: impl Iterator<Item = &'a Value>, location: &str) -> Lookup<Self> {
        Self::last_of(backups.filter(|backup| text(backup, "/spec/storageLocation") == location))
    }

    /// Of these stored backups the one whose lock ends last among those that have another name than this, and the same
    /// label value: Velero forgets the snapshots of all of them when it deletes one.
    pub fn namesake<'a>(backups: impl Iterator<Item = &'a Value>, name: &str) -> Lookup<Self> {
        let label = velero_label_value(name);
        Self::last_of(backups.filter(|backup| {
            let other = text(backup, "/metadata/name");
            other != name && velero_label_value(other) == label
        }))
    }

    fn last_of<'a>(backups: impl Iterator<Item = &'a Value>) -> Lookup<Self> {
        let locked = backups.filter_map(|backup| Some((Lock::end_of(backup)?, backup)));
        locked.max_by_key(|(until, _)| *until).map_or(Lookup::Absent, |(until, backup)| {
            Lookup::Found(Self { name: text(backup, "/metadata/name").to_owned(), until })
        })
    }
}

/// Of these stored DeleteBackupRequests those which Velero has not done with for that backup, or for one whose snapshots it
/// does not tell from that one's.
pub fn open_deletions<'a>(requests: impl Iterator<Item = &'a Value>, backup: &str) -> Vec<String> {
    let label = velero_label_value(backup);
    let open = requests.filter(|request| {
        velero_label_value(text(request, "/spec/backupName")) == label && text(request, "/status/phase") != "Processed"
    });
    open.map(|request| text(request, "/metadata/name").to_owned()).collect()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A ConfigMap that Velero reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigMapFact {
    /// How many keys it has.
    pub keys: usize,
    /// The text of its only key; Velero reads nothing of a map with more.
    pub text: String,
}

impl ConfigMapFact {
    /// A map with these texts.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let texts: Vec<_> = texts.collect();
        let text = if let [only] = texts[..] { only.to_owned() } else { String::new() };
        Self { keys: texts.len(), text }
    }
}

impl BackupFact {
    /// What the rules must know of a stored backup.
    #[must_use]
    pub fn read(backup: &Value) -> Self {
        Self {
            phase: text(backup, "/status/phase").to_owned(),
            storage_location: text(backup, "/spec/storageLocation").to_owned(),
            locked_until: Lock::end_of(backup),
        }
    }
}

/// Whether a backup of this phase has what a restore needs.
#[must_use]
pub fn phase_is_restorable(phase: &str) -> bool {
    matches!(phase, "Completed" | "PartiallyFailed")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::LOCKED_UNTIL;

    fn backup(name: &str, until: &str) -> Value {
        json!({"metadata": {"name": name, "annotations": {LOCKED_UNTIL: until}}})
    }

    #[test]
    fn backups_of_one_label_value_are_namesakes() {
        let (long, longer) = ("a".repeat(64), "a".repeat(65));
        let decoy = velero_label_value(&long);
        let stored = [
            backup(&long, "2026-06-01T00:00:00Z"),
            backup(&longer, "2026-07-01T00:00:00Z"),
            backup(&decoy, "2026-05-01T00:00:00Z"),
        ];
        let found = |name: &str| match LockedBackup::namesake(stored.iter(), name) {
            Lookup::Found(it) => it.name,
            Lookup::Absent => String::new(),
        };
        assert_eq!(found(&decoy), long);
        assert_eq!(found(&long), decoy, "not itself");
        assert_eq!(found(&longer), "", "another hash");
        let open = json!({"metadata": {"name": "x"}});
        assert_eq!(LockedBackup::namesake([&open].into_iter(), "y"), Lookup::Absent);
    }

    #[test]
    fn a_request_for_a_namesake_is_one_for_the_backup() {
        let long = "a".repeat(64);
        let request = |name: &str, backup: &str, phase: &str| json!({"metadata": {"name": name}, "spec": {"backupName": backup}, "status": {"phase": phase}});
        let requests = [
            request("own", &long, "New"),
            request("decoy", &velero_label_value(&long), "InProgress"),
            request("done", &long, "Processed"),
            request("other", &"a".repeat(65), "New"),
        ];
        assert_eq!(open_deletions(requests.iter(), &long), ["own", "decoy"]);
    }
}
