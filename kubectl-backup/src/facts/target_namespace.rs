//! Whether new PVCs can be made in a namespace: that it is there, that its quotas have room, and that the user may.

use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim};
use kube::Api;

use crate::{
    client::Cluster,
    error::{CliError, Doing as _, Result},
    facts::{
        self,
        rights::{Right, missing},
    },
    plan::resource_quota,
};

const SNAPSHOTS: &str = "snapshot.storage.k8s.io";

/// What a way through a second content needs. Contents belong to the whole cluster.
const ELSEWHERE: [Right; 15] = [
    Right::of("get", SNAPSHOTS, "volumesnapshotcontents").in_cluster(),
    Right::of("list", SNAPSHOTS, "volumesnapshotcontents").in_cluster(),
    Right::of("watch", SNAPSHOTS, "volumesnapshotcontents").in_cluster(),
    Right::of("create", SNAPSHOTS, "volumesnapshotcontents").in_cluster(),
    Right::of("delete", SNAPSHOTS, "volumesnapshotcontents").in_cluster(),
    Right::of("create", SNAPSHOTS, "volumesnapshots"),
    Right::of("get", SNAPSHOTS, "volumesnapshots"),
    Right::of("list", SNAPSHOTS, "volumesnapshots"),
    Right::of("watch", SNAPSHOTS, "volumesnapshots"),
    Right::of("delete", SNAPSHOTS, "volumesnapshots"),
    Right::of("patch", SNAPSHOTS, "volumesnapshots"),
    Right::of("create", "", "persistentvolumeclaims"),
    Right::of("list", "", "persistentvolumeclaims"),
    Right::of("watch", "", "persistentvolumeclaims"),
    Right::of("delete", "", "persistentvolumeclaims"),
];

/// Checks the rights that a restore into another namespace, the cluster handle's, needs.
///
/// # Errors
/// When one is missing; the error names all that are.
pub async fn require_rights(cluster: &Cluster) -> Result<()> {
    let missing = missing(cluster, ELSEWHERE.to_vec()).await?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(CliError::new(format!(
        "a restore into namespace {:?} needs rights that you do not have: {}",
        cluster.namespace,
        missing.join("; ")
    ))
    .hint(
        "Nothing was made. Contents of snapshots belong to the whole cluster: whoever may make them reaches every snapshot \
         of the storage. Ask a cluster administrator to do the restore.",
    ))
}

/// Checks that the namespace is there and that its ResourceQuotas have room. What may not be read is left to the server,
/// which decides in the end.
///
/// # Errors
/// When it is not, or they have not.
pub async fn require_room(cluster: &Cluster, claims: &[PersistentVolumeClaim], snapshots: usize) -> Result<()> {
    let name = &cluster.namespace;
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    match api.get_opt(name).await.doing(|| format!("read namespace {name:?}")) {
        Ok(None) => {
            return Err(CliError::new(format!("namespace {name:?} does not exist"))
                .hint(format!("Nothing was made. Make it with: kubectl create namespace {name}")));
        }
        Ok(Some(namespace)) if namespace.metadata.deletion_timestamp.is_some() => {
            return Err(CliError::new(format!("namespace {name:?} is being deleted")).hint("Nothing was made."));
        }
        Err(error) if !error.is_forbidden() => return Err(error),
        _ => {}
    }
    resource_quota::room(name, &facts::resource_quotas::all(cluster).await?, claims, snapshots)
}
