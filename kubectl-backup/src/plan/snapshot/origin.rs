//! Snapshots that a restore of Velero brought back. Their data belong to the backup: the storage's copy goes when the
//! backup is deleted, while the snapshot goes on to call itself ready.

use backup_api::{labels, snapshot::VolumeSnapshot};

/// Whether a backup is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    There,
    /// It was deleted, or has expired.
    Gone,
    /// It may not be looked for, or Velero is not there.
    #[default]
    Unknown,
}

/// The restore that made a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored<'a> {
    /// The restore, as Velero writes it into a label.
    pub restore: &'a str,
    /// The backup, as Velero writes it into a label.
    pub backup: &'a str,
}

/// Returns the restore that made the snapshot, if one did.
pub fn restored(snapshot: &VolumeSnapshot) -> Option<Restored<'_>> {
    let label = |key: &str| snapshot.metadata.labels.as_ref()?.get(key).map(String::as_str);
    Some(Restored { restore: label(labels::VELERO_RESTORE_NAME)?, backup: label(labels::VELERO_BACKUP_NAME)? })
}

impl Restored<'_> {
    /// Says where the snapshot's data are.
    pub fn words(&self, standing: Standing) -> String {
        let Self { restore, backup } = self;
        let data = match standing {
            Standing::There => "its data go with that backup",
            Standing::Gone => "that backup is gone, and as a rule its data with it",
            Standing::Unknown => "its data go with that backup; whether it still exists could not be found out",
        };
        format!("brought back by Velero's restore {restore:?} from backup {backup:?}: {data}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_a_restore_made_is_called_restored() {
        let of = |labels: serde_json::Value| -> VolumeSnapshot {
            serde_json::from_value(json!({"apiVersion": "v1", "kind": "VolumeSnapshot",
                "metadata": {"name": "s", "labels": labels}, "spec": {"source": {}}}))
            .unwrap()
        };
        assert_eq!(restored(&of(json!({}))), None);
        assert_eq!(restored(&of(json!({labels::VELERO_BACKUP_NAME: "b"}))), None);
        let both = of(json!({labels::VELERO_BACKUP_NAME: "b", labels::VELERO_RESTORE_NAME: "r"}));
        let restored = restored(&both).unwrap();
        insta::assert_snapshot!(restored.words(Standing::Gone), @r#"brought back by Velero's restore "r" from backup "b": that backup is gone, and as a rule its data with it"#);
        assert!(!restored.words(Standing::There).contains("gone"));
        assert!(restored.words(Standing::Unknown).contains("could not be found out"));
    }
}
