//! What a rollback has to know of the cluster, before it begins and on its way.

mod observe;
mod owners;
mod rights;
mod users;

pub use observe::{is_usable, observe, readiness, source};
pub use owners::owners;
pub use rights::require;
pub use users::{delivery, users};

use k8s_openapi::api::core::v1::{PersistentVolume, Pod};
use kube::Api;

use crate::{
    client::{Cluster, ListRequest, list},
    error::{Doing as _, Result},
    plan::snapshot::app::mounted,
};

/// Reads a volume; `None` when it does not exist.
///
/// # Errors
/// When it may not be read.
pub async fn volume(cluster: &Cluster, name: &str) -> Result<Option<PersistentVolume>> {
    Api::all(cluster.client.clone()).get_opt(name).await.doing(|| format!("read volume {name:?}"))
}

/// The pods that use a PVC, in whatever phase.
async fn pods_of(cluster: &Cluster, claim: &str) -> Result<Vec<Pod>> {
    let doing = format!("list pods in namespace {:?}", cluster.namespace);
    let mut pods = Vec::new();
    list(cluster, &ListRequest::of::<Pod>(Some(&cluster.namespace), None), &doing, |pod: Pod| {
        let volumes = pod.spec.iter().filter_map(|spec| spec.volumes.as_ref()).flatten();
        let own = pod.metadata.name.as_deref().unwrap_or_default();
        if volumes.filter_map(|volume| mounted(volume, own)).any(|name| name == claim) {
            pods.push(pod);
        }
    })
    .await?;
    Ok(pods)
}
