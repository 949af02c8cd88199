//! A PersistentVolumeClaim and what holds its data.

use backup_api::claim::storage_class_of;
use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim},
    storage::v1::StorageClass,
};
use kube::{Api, Resource as _};
use serde_json::Value;

use crate::{
    client::{self, Cluster, ListRequest, list},
    error::{CliError, Doing as _, Result},
    facts::{events, named::Named},
    plan::{
        claim::check_bound,
        filled_for, nearest,
        provisioned::{self, Provisioned},
    },
};

/// Reads a claim of the namespace.
///
/// # Errors
/// When it does not exist (the hint names those that do) or may not be read.
pub async fn read(cluster: &Cluster, name: &str) -> Result<PersistentVolumeClaim> {
    let namespace = &cluster.namespace;
    let api: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), namespace);
    let error = match api.get(name).await.doing(|| format!("read PVC {name:?} in namespace {namespace:?}")) {
        Err(error) if error.is_not_found() => error,
        result => return result,
    };
    let mut missing = CliError::new(format!("PVC {name:?} in namespace {namespace:?} does not exist"));
    missing.code = error.code;
    Err(match names(cluster).await {
        Ok(existing) => missing.hint(nearest::hint(name, &existing, "PVCs", &format!("namespace {namespace:?}"))),
        Err(_) => missing.hint(format!("See the PVCs with: kubectl get pvc -n {namespace}")),
    }
    .hint("Another namespace is chosen with -n."))
}

/// Reads a claim of the namespace that may be gone; `None` when it is, or may not be read.
///
/// # Errors
/// When the server cannot be asked.
pub async fn read_opt(cluster: &Cluster, name: &str) -> Result<Option<PersistentVolumeClaim>> {
    let namespace = &cluster.namespace;
    let api: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), namespace);
    match api.get_opt(name).await.doing(|| format!("read PVC {name:?} in namespace {namespace:?}")) {
        Err(error) if error.is_forbidden() => Ok(None),
        result => result,
    }
}

/// Returns why a claim that is bound holds other data than those it was to be filled with, if it does.
///
/// # Errors
/// When it may not be read.
pub async fn other_data(cluster: &Cluster, name: &str) -> Result<Option<String>> {
    let Some(claim) = read_opt(cluster, name).await? else { return Ok(None) };
    let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).unwrap_or_default();
    match super::rollback::volume(cluster, &volume).await {
        Ok(Some(volume)) => Ok(filled_for::other_data(&claim, &volume)),
        Ok(None) => Ok(None),
        Err(error) if error.is_forbidden() => Ok(filled_for::never_asked_for(&claim)),
        Err(error) => Err(error),
    }
}

/// Reads a claim with every field that the server has.
///
/// # Errors
/// When it does not exist or may not be read.
pub async fn read_as_is(cluster: &Cluster, name: &str) -> Result<Value> {
    let path = format!("{}/{name}", PersistentVolumeClaim::url_path(&(), Some(&cluster.namespace)));
    client::get(cluster, &path, &format!("read PVC {name:?} in namespace {:?}", cluster.namespace)).await
}

/// Lists the claims of the namespace; `None` when they may not be listed.
///
/// # Errors
/// When the server cannot be asked.
pub async fn all(cluster: &Cluster) -> Result<Option<Vec<PersistentVolumeClaim>>> {
    let request = ListRequest::of::<PersistentVolumeClaim>(Some(&cluster.namespace), None);
    let doing = format!("list PVCs in namespace {:?}", cluster.namespace);
    let mut claims = Vec::new();
    match list(cluster, &request, &doing, |claim| claims.push(claim)).await {
        Ok(()) => Ok(Some(claims)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lists the storage classes; `None` when they may not be listed.
///
/// # Errors
/// When the server cannot be asked.
pub async fn storage_classes(cluster: &Cluster) -> Result<Option<Vec<StorageClass>>> {
    let mut classes = Vec::new();
    match list(cluster, &ListRequest::of::<StorageClass>(None, None), "list storageclasses", |class| {
        classes.push(class);
    })
    .await
    {
        Ok(()) => Ok(Some(classes)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn names(cluster: &Cluster) -> Result<Vec<String>> {
    let request = ListRequest::of::<PersistentVolumeClaim>(Some(&cluster.namespace), None);
    let doing = format!("list PVCs in namespace {:?}", cluster.namespace);
    let mut names = Vec::new();
    list::<Named>(cluster, &request, &doing, |item| names.extend(item.metadata.name)).await?;
    Ok(names)
}

/// Checks that the claim has its volume.
///
/// # Errors
/// When it does not, with the reason that the cluster gives.
pub async fn require_bound(cluster: &Cluster, claim: &PersistentVolumeClaim) -> Result<()> {
    if check_bound(claim, None, None).is_ok() {
        return Ok(());
    }
    let class = match storage_class_of(claim) {
        // The class only makes the message better.
        Some(name) => storage_class(cluster, name).await.unwrap_or(None),
        None => None,
    };
    let about = events::About {
        kind: "PersistentVolumeClaim",
        namespace: &cluster.namespace,
        name: claim.metadata.name.as_deref().unwrap_or_default(),
        uid: claim.metadata.uid.as_deref(),
    };
    let last = match events::of(cluster, about).await {
        Ok(events) => events.last().map(events::text),
        Err(error) => Some(format!("its events could not be read ({})", error.message)),
    };
    check_bound(claim, class.as_ref(), last.as_deref())
}

/// Finds out what holds the claim's data: from its volume, or from its storage class when volumes may not be read.
///
/// # Errors
/// When the server cannot be asked.
pub async fn provisioned(cluster: &Cluster, claim: &PersistentVolumeClaim) -> Result<Provisioned> {
    if let Some(volume) = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()) {
        let api: Api<PersistentVolume> = Api::all(cluster.client.clone());
        match api.get(volume).await.doing(|| format!("read volume {volume:?}")) {
            Ok(volume) => return Ok(provisioned::of_volume(&volume)),
            Err(error) if error.is_forbidden() || error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    let Some(name) = storage_class_of(claim) else { return Ok(Provisioned::Unknown) };
    match storage_class(cluster, name).await {
        Ok(class) => Ok(class.as_ref().map_or(Provisioned::Unknown, provisioned::of_class)),
        Err(error) if error.is_forbidden() => Ok(Provisioned::Unknown),
        Err(error) => Err(error),
    }
}

/// Reads a storage class; `None` when it does not exist.
///
/// # Errors
/// When it may not be read.
pub async fn storage_class(cluster: &Cluster, name: &str) -> Result<Option<StorageClass>> {
    let api: Api<StorageClass> = Api::all(cluster.client.clone());
    api.get_opt(name).await.doing(|| format!("read storage class {name:?}"))
}
