//! Whether the user may do everything that a rollback does: half a rollback is worse than none.

use crate::{
    client::Cluster,
    error::{CliError, Result},
    facts::rights::{Right, missing},
    plan::rollback::{Journal, WorkloadKind},
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
    let mut rights = ALWAYS.to_vec();
    if journal.safety.is_some() {
        rights.push(Right::of("create", SNAPSHOTS, "volumesnapshots"));
    }
    for (kind, resource) in [(WorkloadKind::Deployment, "deployments"), (WorkloadKind::StatefulSet, "statefulsets")] {
        if journal.workloads.iter().any(|workload| workload.kind == kind) {
            let on = |verb| Right::of(verb, "apps", resource);
            rights.extend([on("patch").sub("scale"), on("list"), on("watch")]);
        }
    }
    let missing = missing(cluster, rights).await?;
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
