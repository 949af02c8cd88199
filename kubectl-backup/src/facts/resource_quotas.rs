//! A namespace's ResourceQuotas.

use k8s_openapi::api::core::v1::ResourceQuota;

use crate::{
    client::{Cluster, ListRequest, list},
    error::Result,
};

/// Lists the namespace's ResourceQuotas; none when they may not be listed: the server decides in the end.
///
/// # Errors
/// When the server cannot be asked.
pub async fn all(cluster: &Cluster) -> Result<Vec<ResourceQuota>> {
    let namespace = &cluster.namespace;
    let mut quotas = Vec::new();
    let request = ListRequest::of::<ResourceQuota>(Some(namespace), None);
    match list(cluster, &request, &format!("list resourcequotas in namespace {namespace:?}"), |it| quotas.push(it))
        .await
    {
        Err(error) if !error.is_forbidden() => Err(error),
        _ => Ok(quotas),
    }
}
