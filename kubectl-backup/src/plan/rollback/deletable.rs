//! Whether a snapshot may go although a rollback is written down with it.

use backup_api::snapshot::VolumeSnapshot;

use super::{Journal, both_ways};
use crate::{
    error::CliError,
    plan::{
        snapshot::obstacle::{Choice, Obstacle},
        undo::let_go,
    },
};

/// Checks that no rollback to the snapshot is under way; the remark names what is forgotten with one that is done. Rules do not
/// decide about that: they would prefer the newer data, which the rollback was to get rid of.
///
/// # Errors
/// When one is: its journal, and maybe the data that the PVC is being filled from, would be lost. And when what is written
/// down cannot be read.
pub fn deletable(snapshot: &VolumeSnapshot, choice: Choice) -> Result<Option<String>, Obstacle> {
    let name = snapshot.metadata.name.as_deref().unwrap_or_default();
    let namespace = snapshot.metadata.namespace.as_deref().unwrap_or_default();
    let Some(journal) = Journal::of(snapshot).map_err(Obstacle::Unreadable)? else { return Ok(None) };
    let (claim, volume) = (journal.claim(), &journal.kept.volume);
    if !journal.done {
        let error = CliError::new(format!("a rollback of PVC {claim:?} to VolumeSnapshot {name:?} is under way"));
        return Err(Obstacle::InUse(both_ways(error, name, namespace)));
    }
    if choice == Choice::ByRules {
        let error = CliError::new(format!("PVC {claim:?} was rolled back to it, and may be brought back with --undo"));
        let finish = format!("Let go of that with: kubectl backup snapshot rollback {name} --finish -n {namespace}");
        return Err(Obstacle::InUse(error.hint(finish)));
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

    fn said_by(annotation: &str, choice: Choice) -> String {
        let snapshot = serde_json::from_value(json!({
            "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": {},
            "metadata": {"name": "good", "namespace": "shop", "annotations": {ROLLBACK: annotation}},
        }));
        match deletable(&snapshot.unwrap(), choice) {
            Ok(remark) => remark.unwrap_or_default(),
            Err(Obstacle::InUse(error) | Obstacle::Unreadable(error) | Obstacle::Member(error)) => {
                format!("{} | {}", error.message, error.hints.join(" | "))
            }
        }
    }

    fn said(annotation: &str) -> String {
        said_by(annotation, Choice::Named)
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
        insta::assert_snapshot!(said_by(&journal(true), Choice::ByRules), @r#"PVC "data" was rolled back to it, and may be brought back with --undo | Let go of that with: kubectl backup snapshot rollback good --finish -n shop"#);
        insta::assert_snapshot!(said(&journal(true)), @r#"PVC "data" was rolled back to snapshot good: without it there is no --undo, and volume pv-1 with the data from before stays until it is let go by hand: kubectl patch pv pv-1 -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'"#);
        insta::assert_snapshot!(said("{}"), @r#"the annotation kubectl-backup.dev/rollback of VolumeSnapshot "good" is no rollback of this program: missing field `direction` at line 1 column 2 | A newer version of the plugin may have begun it: then go on with that one. | If nobody began one, forget it with: kubectl annotate volumesnapshot good kubectl-backup.dev/rollback- -n shop"#);
    }
}
