//! What a rollback is going to do, and how it ended, in words.

use super::{Journal, SafetySeen, Workload, journal::Left};
use crate::{error::CliError, plan::undo::let_go};

/// How a rollback that stopped on its way goes on.
pub fn go_on(snapshot: &str, namespace: &str) -> String {
    format!("Go on with: kubectl backup snapshot rollback {snapshot} --continue -n {namespace}")
}

/// Adds both ways out of a rollback that is under way.
pub fn both_ways(error: CliError, snapshot: &str, namespace: &str) -> CliError {
    error
        .hint(go_on(snapshot, namespace))
        .hint(format!("Go back with: kubectl backup snapshot rollback {snapshot} --undo -n {namespace}"))
}

/// What will be done, a line each, in order.
pub fn describe_plan(journal: &Journal, snapshot: &str) -> Vec<String> {
    let claim = journal.claim();
    let volume = &journal.kept.volume;
    let mut lines = Vec::new();
    if let Some(safety) = &journal.safety {
        lines.push(format!("take snapshot {safety} of the data as they are"));
    }
    lines.push(format!("keep volume {volume} with the data as they are"));
    for workload in running(journal) {
        lines.push(format!("scale {workload} from {} to 0 and wait until its pods are gone", workload.replicas));
    }
    lines.push(format!("replace PVC {claim} by one of the same name, filled from snapshot {snapshot}"));
    for workload in running(journal) {
        lines.push(format!("scale {workload} to {} and wait until its pods are ready", workload.replicas));
    }
    lines
}

pub(super) fn running(journal: &Journal) -> impl Iterator<Item = &Workload> {
    journal.workloads.iter().filter(|workload| workload.replicas > 0)
}

/// What is said at the end of a rollback. `is_filled` is whether the PVC has its data by now.
pub fn done(journal: &Journal, is_filled: bool, snapshot: &str, namespace: &str) -> Vec<String> {
    let also = journal.safety.as_ref().map(|safety| format!(" and in snapshot {safety}")).unwrap_or_default();
    let claim = journal.claim();
    let filled = if is_filled {
        format!("PVC {claim} has the data of snapshot {snapshot}")
    } else {
        format!(
            "PVC {claim} is filled from snapshot {snapshot} at its first use: its storage class waits for a pod. Keep the snapshot until then."
        )
    };
    vec![
        filled,
        format!("The data before are kept in volume {}{also}.", journal.kept.volume),
        format!("Go back to them with: kubectl backup snapshot rollback {snapshot} --undo -n {namespace}"),
        format!("Let go of the volume with: kubectl backup snapshot rollback {snapshot} --finish -n {namespace}"),
    ]
}

/// What is said when the old data are back; `safety` is what is seen of the snapshot of them.
pub fn undone(journal: &Journal, safety: SafetySeen) -> Vec<String> {
    let mut lines = Vec::new();
    for Left { name, was_there } in &journal.left_volumes {
        lines.push(if *was_there {
            format!(
                "Volume {name}, which the PVC was bound to meanwhile, was there before and has data of somebody else. It is kept; see whose it is with: kubectl describe pv {name}"
            )
        } else {
            format!("What was written meanwhile is kept in volume {name}; let it go with: {}", let_go(name))
        });
    }
    if let Some(safety) = journal.safety.as_ref().filter(|_| safety != SafetySeen::Absent) {
        lines.push(format!("Snapshot {safety} stays; it holds a slot of the quota."));
    }
    lines
}

/// What is said of a snapshot that cannot be deleted yet, since the provisioner may still be filling the PVC that was undone.
pub fn held(snapshot: &str, claim: &str, namespace: &str) -> String {
    format!(
        "Snapshot {snapshot} cannot be deleted yet: the CSI provisioner holds it by a finalizer, since it may still be filling the PVC {claim} that was taken away. See it with: kubectl get volumesnapshot {snapshot} -n {namespace} -o jsonpath='{{.metadata.finalizers}}'"
    )
}

/// What is said when the old volume was let go; `policy` is the reclaim policy that it has now.
pub fn finished(volume: &str, policy: &str) -> String {
    match policy {
        "Delete" => format!("Volume {volume} is deleted by its driver now."),
        policy => {
            format!("Volume {volume} stays, as its reclaim policy {policy} says; let it go with: {}", let_go(volume))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn journal() -> Journal {
        let claim = json!({"metadata": {"name": "data"}});
        let kept = json!({"volume": "pv-old", "claimUid": "u", "reclaimPolicy": "Delete"});
        let workloads = json!([{"kind": "Deployment", "name": "web", "replicas": 2}, {"kind": "StatefulSet", "name": "db", "replicas": 0}]);
        serde_json::from_value(json!({"direction": "Back", "done": false, "original": claim, "replacement": claim,
            "bindsLate": true, "kept": kept, "workloads": workloads, "safety": "before", "leftVolumes": [{"name": "pv-new"}]}))
        .unwrap()
    }

    #[test]
    fn a_volume_is_let_go_with_what_it_has_on_the_storage() {
        insta::assert_snapshot!(undone(&journal(), SafetySeen::Ready).join(" | "), @r#"What was written meanwhile is kept in volume pv-new; let it go with: kubectl patch pv pv-new -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}' | Snapshot before stays; it holds a slot of the quota."#);
        insta::assert_snapshot!(finished("pv-old", "Retain"), @r#"Volume pv-old stays, as its reclaim policy Retain says; let it go with: kubectl patch pv pv-old -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'"#);
        for text in [undone(&journal(), SafetySeen::Ready).join(""), finished("pv-old", "Retain")] {
            assert!(!text.contains("delete pv"), "{text}");
        }
    }

    #[test]
    fn a_volume_of_somebody_else_is_not_said_to_be_free_to_go() {
        let left_volumes = vec![Left { name: "pv-free".into(), was_there: true }];
        insta::assert_snapshot!(undone(&Journal { left_volumes, ..journal() }, SafetySeen::Absent).join(" | "), @"Volume pv-free, which the PVC was bound to meanwhile, was there before and has data of somebody else. It is kept; see whose it is with: kubectl describe pv pv-free");
    }

    #[test]
    fn a_snapshot_that_was_never_taken_is_not_said_to_stay() {
        assert!(!undone(&journal(), SafetySeen::Absent).join("").contains("before"));
    }

    #[test]
    fn a_pvc_that_waits_for_its_first_pod_has_no_data_yet() {
        insta::assert_snapshot!(done(&journal(), false, "good", "shop").join(" | "), @"PVC data is filled from snapshot good at its first use: its storage class waits for a pod. Keep the snapshot until then. | The data before are kept in volume pv-old and in snapshot before. | Go back to them with: kubectl backup snapshot rollback good --undo -n shop | Let go of the volume with: kubectl backup snapshot rollback good --finish -n shop");
        insta::assert_snapshot!(done(&journal(), true, "good", "shop").join(" | "), @"PVC data has the data of snapshot good | The data before are kept in volume pv-old and in snapshot before. | Go back to them with: kubectl backup snapshot rollback good --undo -n shop | Let go of the volume with: kubectl backup snapshot rollback good --finish -n shop");
    }
}
