//! What the rules may be told about Velero and its objects.

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
        let text = |pointer: &str| backup.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            phase: text("/status/phase"),
            storage_location: text("/spec/storageLocation"),
            locked_until: Lock::end_of(backup),
        }
    }
}

/// Whether a backup of this phase has what a restore needs.
#[must_use]
pub fn phase_is_restorable(phase: &str) -> bool {
    matches!(phase, "Completed" | "PartiallyFailed")
}
