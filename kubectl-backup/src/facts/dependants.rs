//! The claims that may have been restored from snapshots of a namespace.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use crate::{
    client::{Cluster, ListRequest, list},
    error::Result,
    facts,
    plan::snapshot::{dependants::Claims, filled_from::noted_snapshot},
};

/// Lists the claims of all namespaces in one request, and keeps those of the namespace and those that note one of its
/// snapshots. Where that does not work, as without the right or on a server that has too much to do, those of the namespace.
///
/// # Errors
/// When the server cannot be asked.
pub async fn claims(cluster: &Cluster) -> Result<Claims> {
    let (mut own, mut elsewhere) = (Vec::new(), Vec::new());
    let each = |claim: PersistentVolumeClaim| {
        if claim.metadata.namespace.as_ref() == Some(&cluster.namespace) {
            own.push(claim);
        } else if noted_snapshot(&claim).is_some_and(|noted| noted.namespace == cluster.namespace) {
            elsewhere.push(claim);
        }
    };
    let request = ListRequest::of::<PersistentVolumeClaim>(None, None);
    match list(cluster, &request, "list PVCs in all namespaces", each).await {
        Ok(()) => Ok(Claims { own: Some(own), elsewhere: Some(elsewhere) }),
        // What is wrong with the server is told by the smaller list as well.
        Err(_) => Ok(Claims { own: facts::claim::all(cluster).await?, elsewhere: None }),
    }
}
