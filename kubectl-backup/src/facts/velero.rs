//! Where Velero is and what locations it has.

use std::collections::BTreeSet;

use backup_api::velero::{Backup, BackupStorageLocation};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, ResourceExt,
    api::{ListParams, PartialObjectMeta},
};

use crate::{
    client::Cluster,
    error::{CliError, Doing as _, Result},
    plan::{backup::Scope, name::Named, namespace_patterns, nearest, run::Kind, velero_namespace},
};

/// Labels that Velero's own installer and its Helm chart put on the server's Deployment.
const DEPLOYMENT_LABELS: [&str; 2] = ["component=velero", "app.kubernetes.io/name=velero"];

/// Derived names that are tried before giving up: as many as a second may bring forth.
const ATTEMPTS: u32 = 20;

/// Returns Velero's namespace: the one that was named, else the one that holds a storage location or the Deployment.
///
/// # Errors
/// When Velero is not there, is there twice, or may not be looked for.
pub async fn namespace(cluster: &Cluster) -> Result<String> {
    if let Some(named) = &cluster.velero_namespace {
        return Ok(named.clone());
    }
    let locations: Api<BackupStorageLocation> = Api::all(cluster.client.clone());
    let found = locations
        .list_metadata(&ListParams::default())
        .await
        .doing(|| "list backupstoragelocations in all namespaces".into())
        .map_err(|error| velero_namespace::explain(error, None))?;
    let mut namespaces = namespaces_of(&found.items);
    if namespaces.is_empty() {
        let deployments: Api<Deployment> = Api::all(cluster.client.clone());
        for labels in DEPLOYMENT_LABELS {
            let found = deployments
                .list_metadata(&ListParams::default().labels(labels))
                .await
                .doing(|| "list deployments in all namespaces".into())
                .map_err(|error| velero_namespace::explain(error, None))?;
            namespaces.extend(namespaces_of(&found.items));
        }
    }
    velero_namespace::choose(&namespaces)
}

fn namespaces_of<K>(items: &[PartialObjectMeta<K>]) -> BTreeSet<String> {
    items.iter().filter_map(|item| item.metadata.namespace.clone()).collect()
}

/// Returns Velero's storage locations.
///
/// # Errors
/// When they may not be listed.
pub async fn locations(cluster: &Cluster, namespace: &str) -> Result<Vec<BackupStorageLocation>> {
    let api: Api<BackupStorageLocation> = Api::namespaced(cluster.client.clone(), namespace);
    let list = api
        .list(&ListParams::default())
        .await
        .doing(|| format!("list backupstoragelocations in namespace {namespace:?}"))
        .map_err(|error| velero_namespace::explain(error, Some(namespace)))?;
    Ok(list.items)
}

/// Returns the object, or `None` when there is none of that name.
///
/// # Errors
/// When it may not be read, or Velero is not installed.
pub async fn get<K>(api: &Api<K>, resource: &str, name: &str, namespace: &str) -> Result<Option<K>>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    match api.get(name).await.doing(|| format!("get {resource} {name:?} in namespace {namespace:?}")) {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() && !error.is_missing_resource_type() => Ok(None),
        Err(error) => Err(velero_namespace::explain(error, Some(namespace))),
    }
}

/// Returns the backup.
///
/// # Errors
/// When there is none of that name, or it may not be read.
pub async fn backup(cluster: &Cluster, namespace: &str, name: &str) -> Result<Backup> {
    let api: Api<Backup> = Api::namespaced(cluster.client.clone(), namespace);
    match get(&api, "backup", name, namespace).await? {
        Some(backup) => Ok(backup),
        None => {
            let place = format!("namespace {namespace:?}");
            Err(CliError::new(format!("the backup {name:?} does not exist in {place}"))
                .hint(nearest::hint(name, &names(&api).await, "backups", &place))
                .hint("See: kubectl backup list"))
        }
    }
}

/// Returns a name that no object has yet.
///
/// # Errors
/// When the name that the user chose is taken, or the objects may not be read.
pub async fn free_name<K>(api: &Api<K>, kind: Kind, named: Named, namespace: &str) -> Result<String>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    for attempt in 1..=ATTEMPTS {
        let name = named.candidate(attempt);
        if get(api, kind.noun(), &name, namespace).await?.is_none() {
            return Ok(name);
        }
        if matches!(named, Named::Given(_)) {
            break;
        }
    }
    let name = named.candidate(1);
    Err(CliError::new(format!("a {} named {name:?} exists already", kind.noun()))
        .hint(format!("Choose another name, or look at it with: {}", kind.look(&name))))
}

/// Returns the names of all objects of a kind in Velero's namespace, for suggestions: none when they cannot be listed.
pub async fn names<K>(api: &Api<K>) -> Vec<String>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    // The error at hand is that a name is wrong; that its neighbours cannot be listed would only hide it.
    let Ok(list) = api.list_metadata(&ListParams::default()).await else { return Vec::new() };
    list.items.iter().map(ResourceExt::name_any).collect()
}

/// Returns which of the namespaces do not exist, and those that may not be looked at.
///
/// # Errors
/// When the server cannot be asked.
pub async fn missing_namespaces(cluster: &Cluster, wanted: &[String]) -> Result<(Vec<String>, Vec<String>)> {
    let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(cluster.client.clone());
    let (mut missing, mut unknown) = (Vec::new(), Vec::new());
    let answers = futures::future::join_all(wanted.iter().map(|name| api.get_metadata(name))).await;
    for (name, answer) in wanted.iter().zip(answers) {
        match answer.doing(|| format!("get namespace {name:?}")) {
            Ok(_) => {}
            Err(error) if error.is_not_found() => missing.push(name.clone()),
            Err(error) if error.is_forbidden() => unknown.push(name.clone()),
            Err(error) => return Err(error),
        }
    }
    Ok((missing, unknown))
}

/// Replaces the patterns of a backup's scope by the namespaces that they fit.
///
/// # Errors
/// When one fits none, or namespaces may not be listed.
pub async fn resolved(cluster: &Cluster, scope: Scope) -> Result<Scope> {
    if !namespace_patterns::has_patterns(&scope) {
        return Ok(scope);
    }
    let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(cluster.client.clone());
    let found =
        api.list_metadata(&ListParams::default()).await.doing(|| "list namespaces".into()).map_err(|error| {
            let forbidden = error.is_forbidden();
            if forbidden { error.hint("Write the names out: --namespaces shop-a,shop-b") } else { error }
        })?;
    let names: Vec<String> = found.items.iter().map(ResourceExt::name_any).collect();
    namespace_patterns::resolve(scope, &names)
}
