//! Whether a rollback can begin, and its journal.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use super::{Direction, Journal, Kept, Workload, replacement, restored};
use crate::{
    error::{CliError, Result},
    plan::claim::is_bound,
};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The snapshot to go back to.
    pub snapshot: &'a str,
    /// The PVC as a restore from the snapshot would make it.
    pub planned: &'a PersistentVolumeClaim,
    /// Whether its storage class binds on first use.
    pub binds_late: bool,
    /// The name of the snapshot of the old data, when one is to be taken.
    pub safety: Option<&'a str>,
    /// Whether to go on when it cannot be had.
    pub safety_is_optional: bool,
}

/// What is known.
#[derive(Clone, Debug)]
pub struct Found {
    /// The PVC.
    pub claim: PersistentVolumeClaim,
    /// Its volume.
    pub volume: PersistentVolume,
    /// What uses it.
    pub users: Vec<User>,
}

/// A pod that uses the PVC, and what runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The pod.
    pub pod: String,
    /// What runs it.
    pub owner: Owner,
}

/// What runs a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Something that can be scaled down and up.
    Scalable(Scalable),
    /// Nothing: the pod would be gone for good.
    Nobody,
    /// Something that cannot be scaled, as `job/import`.
    Other(String),
}

/// A workload as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalable {
    /// Which one, with the number of pods that it is to have.
    pub workload: Workload,
    /// Whether scaling it down deletes its PVCs.
    pub deletes_claims: bool,
    /// What else scales or rewrites it, in words.
    pub managers: Vec<String>,
}

/// Checks the facts and writes the journal; the remarks are for the user.
///
/// # Errors
/// When something uses the PVC that cannot be scaled down and up, or the PVC is not in a state to be replaced.
pub fn start(request: &Start<'_>, found: &Found) -> Result<(Journal, Vec<String>)> {
    let name = found.claim.metadata.name.as_deref().unwrap_or_default();
    let namespace = found.claim.metadata.namespace.as_deref().unwrap_or_default();
    let subject = format!("PVC {name:?} in namespace {namespace:?}");
    if found.claim.metadata.deletion_timestamp.is_some() {
        return Err(CliError::new(format!("{subject} is being deleted")));
    }
    if !is_bound(&found.claim) {
        return Err(CliError::new(format!("{subject} has no volume: there is nothing to roll back"))
            .hint(format!("See why with: kubectl describe pvc {name} -n {namespace}")));
    }
    let mut owners = found.claim.metadata.owner_references.iter().flatten();
    if let Some(pod) = owners.find(|owner| owner.kind == "Pod") {
        return Err(CliError::new(format!(
            "{subject} lives as long as pod {:?}, and goes when that is stopped",
            pod.name
        ))
        .hint("Restore the snapshot beside: kubectl backup snapshot restore --help"));
    }
    let (workloads, remarks) = workloads(&subject, &found.users)?;
    let kept = Kept {
        volume: found.volume.metadata.name.clone().unwrap_or_default(),
        claim_uid: found.claim.metadata.uid.clone().unwrap_or_default(),
        reclaim_policy: found
            .volume
            .spec
            .as_ref()
            .and_then(|spec| spec.persistent_volume_reclaim_policy.clone())
            .unwrap_or_else(|| "Retain".to_owned()),
    };
    let journal = Journal {
        direction: Direction::Forward,
        done: false,
        original: restored(&found.claim),
        replacement: replacement(request.planned, &found.claim, request.snapshot),
        binds_late: request.binds_late,
        kept,
        workloads,
        safety: request.safety.map(str::to_owned),
        safety_is_optional: request.safety_is_optional,
        left_volumes: Vec::new(),
    };
    Ok((journal, remarks))
}

/// What has to stand still meanwhile, with remarks for the user. `subject` is the PVC, in words.
///
/// # Errors
/// When something uses the PVC that cannot be scaled down and up.
pub fn workloads(subject: &str, users: &[User]) -> Result<(Vec<Workload>, Vec<String>)> {
    let mut scalable: BTreeMap<String, &Scalable> = BTreeMap::new();
    let mut in_the_way = Vec::new();
    for user in users {
        match &user.owner {
            Owner::Scalable(owner) => {
                scalable.insert(owner.workload.to_string(), owner);
            }
            Owner::Nobody => in_the_way.push(format!("pod/{} (nothing would start it again)", user.pod)),
            Owner::Other(owner) => in_the_way.push(format!("pod/{} (of {owner})", user.pod)),
        }
    }
    if !in_the_way.is_empty() {
        in_the_way.sort();
        return Err(CliError::new(format!(
            "{subject} is used by what cannot be scaled down and up again: {}",
            in_the_way.join(", ")
        ))
        .hint("Only Deployments and StatefulSets are stopped and started. Delete these pods, then roll back.")
        .hint("To look at the snapshot's data without touching the PVC, restore it beside: kubectl backup snapshot restore --help"));
    }
    let deleting: Vec<_> = scalable.values().filter(|it| it.deletes_claims).map(|it| it.workload.to_string()).collect();
    if !deleting.is_empty() {
        return Err(CliError::new(format!(
            "{} deletes its PVCs when it is scaled down (persistentVolumeClaimRetentionPolicy.whenScaled is Delete)",
            deleting.join(", ")
        ))
        .hint("Set whenScaled to Retain first: all PVCs of the StatefulSet would be lost."));
    }
    let remarks = scalable
        .values()
        .flat_map(|it| it.managers.iter().map(move |manager| format!("{} {manager}", it.workload)))
        .collect();
    Ok((scalable.values().map(|it| it.workload.clone()).collect(), remarks))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::rollback::WorkloadKind;

    fn claim(phase: &str) -> PersistentVolumeClaim {
        serde_json::from_value(json!({"metadata": {"name": "data", "namespace": "shop", "uid": "u"},
            "spec": {"volumeName": "pv-1"}, "status": {"phase": phase}}))
        .unwrap()
    }

    fn said(claim: &PersistentVolumeClaim, users: Vec<User>) -> String {
        let volume = serde_json::from_value(
            json!({"metadata": {"name": "pv-1"}, "spec": {"persistentVolumeReclaimPolicy": "Delete"}}),
        );
        let found = Found { claim: claim.clone(), volume: volume.unwrap(), users };
        let request = Start {
            snapshot: "snap",
            planned: claim,
            binds_late: false,
            safety: Some("before"),
            safety_is_optional: true,
        };
        match start(&request, &found) {
            Ok((journal, remarks)) => {
                let names: Vec<_> = journal.workloads.iter().map(|it| format!("{it} x{}", it.replicas)).collect();
                format!("{} {:?} | {}", names.join(", "), journal.kept, remarks.join(" | "))
            }
            Err(error) => format!("{} | {}", error.message, error.hints.join(" | ")),
        }
    }

    fn user(pod: &str, owner: Owner) -> User {
        User { pod: pod.into(), owner }
    }

    fn scalable(name: &str, deletes_claims: bool) -> Owner {
        let workload = Workload { kind: WorkloadKind::StatefulSet, name: name.into(), replicas: 3 };
        Owner::Scalable(Scalable { workload, deletes_claims, managers: vec!["is scaled by hpa/web".into()] })
    }

    #[test]
    fn pods_of_one_workload_are_one() {
        insta::assert_snapshot!(said(&claim("Bound"), vec![user("db-0", scalable("db", false)), user("db-1", scalable("db", false))]), @r#"statefulset/db x3 Kept { volume: "pv-1", claim_uid: "u", reclaim_policy: "Delete" } | statefulset/db is scaled by hpa/web"#);
        insta::assert_snapshot!(said(&claim("Bound"), vec![]), @r#" Kept { volume: "pv-1", claim_uid: "u", reclaim_policy: "Delete" } |"#);
    }

    #[test]
    fn what_cannot_be_stopped_and_started_is_named() {
        insta::assert_snapshot!(said(&claim("Bound"), vec![user("sh", Owner::Nobody), user("run", Owner::Other("job/import".into())), user("db-0", scalable("db", false))]), @r#"PVC "data" in namespace "shop" is used by what cannot be scaled down and up again: pod/run (of job/import), pod/sh (nothing would start it again) | Only Deployments and StatefulSets are stopped and started. Delete these pods, then roll back. | To look at the snapshot's data without touching the PVC, restore it beside: kubectl backup snapshot restore --help"#);
        insta::assert_snapshot!(said(&claim("Bound"), vec![user("db-0", scalable("db", true))]), @"statefulset/db deletes its PVCs when it is scaled down (persistentVolumeClaimRetentionPolicy.whenScaled is Delete) | Set whenScaled to Retain first: all PVCs of the StatefulSet would be lost.");
        let mut of_pod = claim("Bound");
        let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": "web-x", "uid": "p", "controller": true}]);
        of_pod.metadata.owner_references = serde_json::from_value(owner).unwrap();
        insta::assert_snapshot!(said(&of_pod, vec![]), @r#"PVC "data" in namespace "shop" lives as long as pod "web-x", and goes when that is stopped | Restore the snapshot beside: kubectl backup snapshot restore --help"#);
        insta::assert_snapshot!(said(&claim("Pending"), vec![]), @r#"PVC "data" in namespace "shop" has no volume: there is nothing to roll back | See why with: kubectl describe pvc data -n shop"#);
    }
}
