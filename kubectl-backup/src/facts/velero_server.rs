//! What runs of Velero, and how it is set up. What may not be read is not known, and no error.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use kube::Api;
use serde::Deserialize;

use crate::{
    client::{Cluster, ListRequest, list},
    error::{Doing as _, Result},
    plan::velero_server::{self, Server},
};

/// Velero's DaemonSet that copies volume data.
const NODE_AGENT: &str = "node-agent";

/// Counts the nodes with a ready node-agent.
///
/// # Errors
/// When the server cannot be asked.
pub async fn node_agents(cluster: &Cluster, namespace: &str) -> Result<Option<i32>> {
    let api: Api<DaemonSet> = Api::namespaced(cluster.client.clone(), namespace);
    match api.get_opt(NODE_AGENT).await.doing(|| format!("get daemonset {NODE_AGENT:?} in namespace {namespace:?}")) {
        Ok(set) => Ok(Some(set.and_then(|set| set.status).map_or(0, |status| status.number_ready))),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the settings from the server's Deployment; `None` when there is none.
///
/// # Errors
/// When the server cannot be asked.
pub async fn settings(cluster: &Cluster, namespace: &str) -> Result<Option<Server>> {
    let mut deployments: Vec<Deployment> = Vec::new();
    let request = ListRequest::of::<Deployment>(Some(namespace), None);
    let doing = format!("list deployments in namespace {namespace:?}");
    match list(cluster, &request, &doing, |deployment| deployments.push(deployment)).await {
        Ok(()) => Ok(velero_server::find(&deployments)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether Velero has locations for its own snapshotters.
///
/// # Errors
/// When the server cannot be asked.
pub async fn has_snapshot_locations(cluster: &Cluster, namespace: &str) -> Result<Option<bool>> {
    #[derive(Deserialize)]
    struct Location {}
    let path = format!("/apis/velero.io/v1/namespaces/{namespace}/volumesnapshotlocations");
    let mut any = false;
    let doing = format!("list volumesnapshotlocations in namespace {namespace:?}");
    match list(cluster, &ListRequest { path, selector: String::new() }, &doing, |_: Location| any = true).await {
        Ok(()) => Ok(Some(any)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) if error.is_missing_resource_type() => Ok(Some(false)),
        Err(error) => Err(error),
    }
}
