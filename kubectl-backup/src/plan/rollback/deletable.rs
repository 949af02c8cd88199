//! Whether a snapshot may go although a rollback is written down with it.

use backup_api::snapshot::VolumeSnapshot;

use super::{Journal, both_ways};
use crate::{
    error::CliError,
    plan::{snapshot::obstacle::Obstacle, undo::let_go},
};

/// Checks that no rollback to the snapshot is under way; the remark names what is forgotten with one that is done.
///
/// # Errors
/// When one is: its journal, and maybe the data that the PVC is being filled from, would be lost. And when what is written
/// down cannot be read.
pub fn deletable(snapshot: &VolumeSnapshot) -> Result<Option<String>, Obstacle> {
    let name = snapshot.metadata.name.as_deref().unwrap_or_default();
    let namespace = snapshot.metadata.namespace.as_deref().unwrap_or_default();
    let Some(journal) = Journal::of(snapshot).map_err(Obstacle::Unreadable)? else { return Ok(None) };
    let (claim, volume) = (journal.claim(), &journal.kept.volume);
    if !journal.done {
        let error = CliError::new(format!("a rollback of PVC {claim:?} to VolumeSnapshot {name:?} is under way"));
        return Err(Obstacle::InUse(both_ways(error, name, namespace)));
    }
    Ok(Some(format!(
        "PVC {claim:?} was rolled back to snapshot {name}: without it there is no --undo, and volume {volume} with the data from before stays until it is let go by hand: {}",
        let_go(volume)
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::rollback::ROLLBACK;

    fn said(annotation: &str) -> String {
        let snapshot = serde_json::from_value(json!({
            "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": {},
            "metadata": {"name": "good", "namespace": "shop", "annotations": {ROLLBACK: annotation}},
        }));
        match deletable(&snapshot.unwrap()) {
            Ok(remark) => remark.unwrap_or_default(),
            Err(Obstacle::InUse(error) | Obstacle::Unreadable(error)) => {
                format!("{} | {}", error.message, error.hints.join(" | "))
            }
        }
    }

    #[test]
    fn a_snapshot_with_a_rollback_under_way_stays() {
        let journal = |done: bool| {
            let kept = json!({"volume": "pv-1", "claimUid": "u", "reclaimPolicy": "Delete"});
            let claim = json!({"metadata": {"name": "data"}});
            json!({"direction": "Forward", "done": done, "original": claim, "replacement": claim, "bindsLate": false,
                "kept": kept, "workloads": [], "safety": null})
            .to_string()
        };
        insta::assert_snapshot!(said(&journal(false)), @r#"a rollback of PVC "data" to VolumeSnapshot "good" is under way | Go on with: kubectl backup snapshot rollback good --continue -n shop | Go back with: kubectl backup snapshot rollback good --undo -n shop"#);
        insta::assert_snapshot!(said(&journal(true)), @r#"PVC "data" was rolled back to snapshot good: without it there is no --undo, and volume pv-1 with the data from before stays until it is let go by hand: kubectl patch pv pv-1 -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'"#);
        insta::assert_snapshot!(said("{}"), @r#"the annotation kubectl-backup.dev/rollback of VolumeSnapshot "good" is no rollback of this program: missing field `direction` at line 1 column 2 | A newer version of the plugin may have begun it: then go on with that one. | If nobody began one, forget it with: kubectl annotate volumesnapshot good kubectl-backup.dev/rollback- -n shop"#);
    }
}
