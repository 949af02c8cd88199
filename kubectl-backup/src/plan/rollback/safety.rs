//! Whose a snapshot of the old data is: two rollbacks that begin at the same moment choose the same name for theirs.

use backup_api::snapshot::VolumeSnapshot;
use serde_json::{Value, json};

use super::{Journal, ROLLBACK};

/// Annotation of the snapshot that a rollback takes of the old data: which rollback, as `snapshot/uid of the PVC`. Not the one
/// run of the program: another one may go on.
pub const TAKEN_BEFORE: &str = "kubectl-backup.dev/taken-before";

/// Puts the mark of the rollback on the snapshot that is about to be sent.
pub fn mark_safety(journal: &Journal, object: &mut Value) {
    object["metadata"]["annotations"][TAKEN_BEFORE] = json!(mark(journal));
}

/// Whether the rollback took it.
pub fn is_safety_of(journal: &Journal, snapshot: &VolumeSnapshot) -> bool {
    let annotations = snapshot.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(TAKEN_BEFORE)).is_some_and(|found| *found == mark(journal))
}

fn mark(journal: &Journal) -> String {
    let to = journal.replacement.metadata.annotations.as_ref().and_then(|all| all.get(ROLLBACK));
    format!("{}/{}", to.map(String::as_str).unwrap_or_default(), journal.kept.claim_uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_rollback_that_took_it_knows_it_for_its_own() {
        let journal = |to: &str, uid: &str| -> Journal {
            let original = json!({"metadata": {"name": "data"}});
            let replacement = json!({"metadata": {"name": "data", "annotations": {ROLLBACK: to}}});
            let kept = json!({"volume": "pv-1", "claimUid": uid, "reclaimPolicy": "Delete"});
            serde_json::from_value(json!({"direction": "Forward", "done": false, "original": original,
                "replacement": replacement, "bindsLate": false, "kept": kept, "workloads": [], "safety": "before"}))
            .unwrap()
        };
        let read = |object: Value| -> VolumeSnapshot { serde_json::from_value(object).unwrap() };
        let mut object = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": {},
            "metadata": {"name": "before"}});
        let mine = journal("good", "u");
        assert!(!is_safety_of(&mine, &read(object.clone())));
        mark_safety(&mine, &mut object);
        assert!(is_safety_of(&mine, &read(object.clone())));
        assert!(!is_safety_of(&journal("older", "u"), &read(object.clone())));
        assert!(!is_safety_of(&journal("good", "v"), &read(object)));
    }
}
