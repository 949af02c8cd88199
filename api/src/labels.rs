//! Label and annotation keys, and the values that Velero makes of long names.

use sha2::{Digest, Sha256};

/// Groups volume snapshots that were taken together.
pub const GROUP: &str = "kubectl-backup.dev/group";
/// Marks the volume snapshot that a rollback took of the data as they were, with the value `true`.
pub const SAFETY: &str = "kubectl-backup.dev/safety";
/// Marks what a restore into another namespace needs only until its claim has its data, with the value `true`: volume
/// snapshots and contents.
pub const TEMPORARY: &str = "kubectl-backup.dev/temporary";
/// Annotation of what is temporary: the claim that is filled from it, as `namespace/name`.
pub const FILLS: &str = "kubectl-backup.dev/fills";
/// Annotation of what is temporary: the volume snapshot that it stands for, as `namespace/name`.
pub const STANDS_FOR: &str = "kubectl-backup.dev/stands-for";
/// Annotation of a claim that was filled out of another namespace: from what, as `Kind/namespace/name/uid`. A note for
/// people and for lists: nothing is decided by it, and it may be removed.
pub const FILLED_FROM: &str = "kubectl-backup.dev/filled-from";
/// Annotation of what the plugin made: the one run of it that did. It tells what is its own when a create got no answer.
pub const RUN: &str = "kubectl-backup.dev/run";
/// Annotation of a volume snapshot: the storage class of the claim that it was taken of.
pub const SOURCE_STORAGE_CLASS: &str = "kubectl-backup.dev/source-storage-class";
/// Annotation of a volume snapshot: the access modes of the claim, separated by commas.
pub const SOURCE_ACCESS_MODES: &str = "kubectl-backup.dev/source-access-modes";
/// Annotation of a volume snapshot: the size that the claim asked for.
pub const SOURCE_SIZE: &str = "kubectl-backup.dev/source-size";
/// Label of a backup: the plan of the cluster's policy whose retention and deletion lock it got.
pub const PLAN: &str = "kubectl-backup.dev/plan";
/// Annotation of a volume snapshot that is sent as a dry run: how many are about to be made with it. The webhook answers for
/// all of them, and it means nothing on one that is made.
pub const BATCH: &str = "kubectl-backup.dev/batch";
/// Set by the webhook alone, on objects that an exempt account creates: they take no slot of a quota.
pub const QUOTA_EXEMPT: &str = "kubectl-backup.dev/quota-exempt";

/// Names the backup on everything that Velero makes for it.
pub const VELERO_BACKUP_NAME: &str = "velero.io/backup-name";
/// Holds the backup's UID on everything that Velero makes for it.
pub const VELERO_BACKUP_UID: &str = "velero.io/backup-uid";
/// Names the restore on everything that Velero restored.
pub const VELERO_RESTORE_NAME: &str = "velero.io/restore-name";
/// Names the schedule on each of its backups.
pub const VELERO_SCHEDULE_NAME: &str = "velero.io/schedule-name";
/// Names the location on each backup in it.
pub const VELERO_STORAGE_LOCATION: &str = "velero.io/storage-location";
/// Pod annotation: the volumes to back up by file system, separated by commas without blanks.
pub const BACKUP_VOLUMES: &str = "backup.velero.io/backup-volumes";
/// Pod annotation: the volumes to leave out where file-system backup is the default.
pub const BACKUP_VOLUMES_EXCLUDES: &str = "backup.velero.io/backup-volumes-excludes";
/// Marks what Velero leaves out of every backup, with the value `true`.
pub const VELERO_EXCLUDE: &str = "velero.io/exclude-from-backup";
/// Marks the VolumeSnapshotClass that Velero takes for a driver.
pub const VELERO_SNAPSHOT_CLASS: &str = "velero.io/csi-volumesnapshot-class";
/// Marks the default among a driver's VolumeSnapshotClasses.
pub const DEFAULT_SNAPSHOT_CLASS: &str = "snapshot.storage.kubernetes.io/is-default-class";

/// Longest value a label may have (Kubernetes).
const LABEL_MAX: usize = 63;
/// Characters of the hash that Velero appends to a name that is too long for a label.
const HASH_LEN: usize = 6;

/// Returns the label value that Velero uses for an object's name: names over 63 characters are cut to 57 and get the
/// first six hex digits of their SHA-256 (Velero, `pkg/label/label.go`, `GetValidName`).
#[must_use]
pub fn velero_label_value(name: &str) -> String {
    if name.len() <= LABEL_MAX {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let mut value: String = name.chars().take(LABEL_MAX - HASH_LEN).collect();
    for byte in digest.iter().take(HASH_LEN / 2) {
        value.push_str(&format!("{byte:02x}"));
    }
    value
}

/// Whether another name may have the same label value: that of a longer name has full length, and is a name itself.
#[must_use]
pub fn velero_label_may_be_shared(name: &str) -> bool {
    name.len() >= LABEL_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_of_full_length_are_shared() {
        let long = "a".repeat(64);
        let decoy = velero_label_value(&long);
        assert_eq!(velero_label_value(&decoy), decoy);
        assert!(velero_label_may_be_shared(&decoy) && velero_label_may_be_shared(&long));
        assert!(!velero_label_may_be_shared(&"a".repeat(62)));
    }

    #[test]
    fn a_short_name_is_its_own_label_value() {
        assert_eq!(velero_label_value("nightly"), "nightly");
        let exact = "a".repeat(63);
        assert_eq!(velero_label_value(&exact), exact);
    }

    #[test]
    fn a_long_name_is_cut_and_hashed_like_velero_does() {
        // The value that Velero's own GetValidName returns for 64 times "a".
        let value = velero_label_value(&"a".repeat(64));
        assert_eq!(value.len(), 63);
        assert_eq!(value, format!("{}ffe054", "a".repeat(57)));
    }
}
