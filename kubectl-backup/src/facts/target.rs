//! What stands already where a restore would put something.

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use kube::{Api, api::ListParams};

use crate::{
    client::Cluster,
    error::{Doing as _, Result},
};

/// A namespace that is not empty, or may not be looked into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occupied {
    /// The namespace.
    pub namespace: String,
    /// Whether anything was seen in it.
    pub has_objects: bool,
    /// Its volume claims; `None` when they may not be listed.
    pub claims: Option<Vec<String>>,
}

/// Returns those of the namespaces that hold an application: a claim, a workload or a service. Workloads that may not be
/// looked at are passed over: they only serve a warning.
///
/// # Errors
/// When the server cannot be asked.
pub async fn occupied(cluster: &Cluster, namespaces: &[String]) -> Result<Vec<Occupied>> {
    let looks = futures::future::join_all(namespaces.iter().map(|namespace| look(cluster, namespace))).await;
    Ok(looks.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

async fn look(cluster: &Cluster, namespace: &str) -> Result<Option<Occupied>> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), namespace);
    let claims = match claims
        .list_metadata(&ListParams::default())
        .await
        .doing(|| format!("list persistentvolumeclaims in namespace {namespace:?}"))
    {
        Ok(list) => Some(list.items.iter().map(kube::ResourceExt::name_any).collect::<Vec<_>>()),
        Err(error) if error.is_forbidden() => None,
        Err(error) => return Err(error),
    };
    let has_objects = claims.as_ref().is_some_and(|claims| !claims.is_empty())
        || any::<Pod>(cluster, namespace, "pods").await?
        || any::<Deployment>(cluster, namespace, "deployments").await?
        || any::<StatefulSet>(cluster, namespace, "statefulsets").await?
        || any::<Service>(cluster, namespace, "services").await?;
    let is_of_interest = has_objects || claims.is_none();
    Ok(is_of_interest.then(|| Occupied { namespace: namespace.to_owned(), has_objects, claims }))
}

async fn any<K>(cluster: &Cluster, namespace: &str, resource: &str) -> Result<bool>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(cluster.client.clone(), namespace);
    let one = ListParams::default().limit(1);
    match api.list_metadata(&one).await.doing(|| format!("list {resource} in namespace {namespace:?}")) {
        Ok(list) => Ok(!list.items.is_empty()),
        Err(error) if error.is_forbidden() => Ok(false),
        Err(error) => Err(error),
    }
}
