//! Whether the user may do everything that a rollback does: half a rollback is worse than none.

use crate::{
    client::Cluster,
    error::{CliError, Result},
    facts::rights::{Right, missing},
    plan::rollback::{Direction, Journal, WorkloadKind},
};

const SNAPSHOTS: &str = "snapshot.storage.k8s.io";

const ALWAYS: [Right; 9] = [
    Right::of("patch", SNAPSHOTS, "volumesnapshots"),
    Right::of("create", "", "persistentvolumeclaims"),
    Right::of("delete", "", "persistentvolumeclaims"),
    Right::of("list", "", "persistentvolumeclaims"),
    Right::of("watch", "", "persistentvolumeclaims"),
    Right::of("list", "", "pods"),
    Right::of("watch", "", "pods"),
    Right::of("get", "", "persistentvolumes").in_cluster(),
    Right::of("patch", "", "persistentvolumes").in_cluster(),
];

/// Checks the rights that the journal's steps need.
///
/// # Errors
/// When one is missing; the error names all that are.
pub async fn require(cluster: &Cluster, journal: &Journal) -> Result<()> {
    let missing = missing(cluster, needed(journal)).await?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(CliError::new(format!(
        "a rollback in namespace {:?} needs rights that you do not have: {}",
        cluster.namespace,
        missing.join("; ")
    ))
    .hint("Nothing was changed. Ask a cluster administrator for them, or to do the rollback.")
    .hint("Without them the snapshot can be restored beside: kubectl backup snapshot restore --help"))
}

fn needed(journal: &Journal) -> Vec<Right> {
    let mut rights = ALWAYS.to_vec();
    // On the way back none is taken.
    if journal.safety.is_some() && journal.direction == Direction::Forward {
        let on = |verb| Right::of(verb, SNAPSHOTS, "volumesnapshots");
        rights.push(on("create"));
        if journal.safety_is_optional {
            // One that fails is dropped again.
            rights.push(on("delete"));
        }
    }
    for (kind, resource) in [(WorkloadKind::Deployment, "deployments"), (WorkloadKind::StatefulSet, "statefulsets")] {
        if journal.workloads.iter().any(|workload| workload.kind == kind) {
            let on = |verb| Right::of(verb, "apps", resource);
            rights.extend([on("patch").sub("scale"), on("list"), on("watch")]);
        }
    }
    rights
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of_snapshots(direction: &str, safety: &Value, optional: bool) -> Vec<&'static str> {
        let claim = json!({"metadata": {"name": "data"}});
        let kept = json!({"volume": "pv-old", "claimUid": "u", "reclaimPolicy": "Delete"});
        let journal = json!({"direction": direction, "done": false, "original": claim, "replacement": claim,
            "bindsLate": false, "kept": kept, "workloads": [], "safety": safety, "safetyIsOptional": optional});
        let rights = needed(&serde_json::from_value(journal).unwrap());
        rights.iter().filter(|right| right.group == SNAPSHOTS).map(|right| right.verb).collect()
    }

    #[test]
    fn a_snapshot_of_the_old_data_is_taken_and_one_that_fails_is_dropped() {
        assert_eq!(of_snapshots("Forward", &json!(null), true), ["patch"]);
        assert_eq!(of_snapshots("Forward", &json!("before"), true), ["patch", "create", "delete"]);
        assert_eq!(of_snapshots("Forward", &json!("before"), false), ["patch", "create"]);
        assert_eq!(of_snapshots("Back", &json!("before"), true), ["patch"]);
    }
}
