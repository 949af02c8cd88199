//! What decides whether a backup's volume data will be saved. Everything here serves warnings and early refusals: what may
//! not be read is not known, and no error.

use std::collections::{BTreeMap, BTreeSet};

use backup_api::labels::{DEFAULT_SNAPSHOT_CLASS, VELERO_SNAPSHOT_CLASS};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::{Api, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::volume_rows::{ClaimRow, NameRow, PodRow, Row, Volumes as VolumesByName};
use crate::{
    client::{Cluster, ListRequest, list},
    error::{Doing as _, Result},
    facts::{self, velero_server},
    plan::{
        backup::{Request, Scope, Volumes},
        backup_volumes::{Facts, snapshot_drivers},
        namespace_patterns, no_volume_data, provisioned, selector_words, volume_fate,
    },
};

/// Reads what there is to know for a backup that was asked for.
///
/// # Errors
/// When the server cannot be asked.
pub async fn read(cluster: &Cluster, velero_namespace: &str, request: &Request) -> Result<Facts> {
    let (claims, pods, volumes, node_agents, server, native, classes, snapshot_drivers) = tokio::try_join!(
        with_selected::<ClaimRow, PersistentVolumeClaim>(cluster, request, "persistentvolumeclaims"),
        with_selected::<PodRow, Pod>(cluster, request, "pods"),
        volumes(cluster),
        velero_server::node_agents(cluster, velero_namespace),
        velero_server::settings(cluster, velero_namespace),
        velero_server::has_snapshot_locations(cluster, velero_namespace),
        provisioners(cluster),
        drivers(cluster),
    )?;
    let mut claims = claims.map(|(rows, selected)| -> Vec<volume_fate::Claim> {
        rows.into_iter().map(|row| row.claim(volumes.as_ref(), classes.as_ref(), selected.as_ref())).collect()
    });
    let mut pods =
        pods.map(|(rows, selected)| -> Vec<_> { rows.into_iter().map(|row| row.pod(selected.as_ref())).collect() });
    if let Some(claims) = &mut claims {
        volume_fate::keep_selected(claims, pods.as_deref_mut().unwrap_or_default());
    }
    Ok(Facts { claims, pods, node_agents, server, native, snapshot_drivers })
}

/// Lists all objects of the backup's namespaces and, when it has a selector, the names of those that fit it. `None` when a
/// part may not be listed.
async fn with_selected<R: Row, K: kube::Resource<DynamicType = ()>>(
    cluster: &Cluster,
    request: &Request,
    plural: &str,
) -> Result<Option<(Vec<R>, Option<BTreeSet<String>>)>> {
    let selector = selector_words::words(request.selector.as_ref(), None);
    let all = in_scope::<R, K>(cluster, &request.scope, "", plural);
    if selector.is_empty() {
        return Ok(all.await?.map(|rows| (rows, None)));
    }
    let (all, selected) = tokio::try_join!(all, in_scope::<NameRow, K>(cluster, &request.scope, &selector, plural))?;
    Ok(all.zip(selected).map(|(all, selected)| (all, Some(selected.iter().map(Row::name).collect()))))
}

async fn in_scope<R: Row, K: kube::Resource<DynamicType = ()>>(
    cluster: &Cluster,
    scope: &Scope,
    selector: &str,
    plural: &str,
) -> Result<Option<Vec<R>>> {
    let (namespaces, except): (Vec<Option<&str>>, &[String]) = match scope {
        Scope::Cluster { except } => (vec![None], except),
        Scope::Namespaces(names) => (names.iter().map(|name| Some(name.as_str())).collect(), &[]),
    };
    let mut rows: Vec<R> = Vec::new();
    for namespace in namespaces {
        let doing = format!(
            "list {plural} in {}",
            namespace.map_or("all namespaces".into(), |name| format!("namespace {name:?}"))
        );
        match readable(listed(cluster, &ListRequest::of::<K>(namespace, Some(selector)), &doing).await)? {
            Some(found) => rows.extend(found),
            None => return Ok(None),
        }
    }
    rows.retain(|row| !except.iter().any(|pattern| namespace_patterns::fits(pattern, row.namespace())));
    Ok(Some(rows))
}

async fn listed<T: DeserializeOwned>(cluster: &Cluster, request: &ListRequest, doing: &str) -> Result<Vec<T>> {
    let mut items = Vec::new();
    list(cluster, request, doing, |item| items.push(item)).await?;
    Ok(items)
}

/// What may not be read is not known.
fn readable<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the policy that a backup without volume data needs, when it is not there yet.
///
/// # Errors
/// When something else has its name, or it may not be read.
pub async fn missing_policy(cluster: &Cluster, namespace: &str, request: &Request) -> Result<Option<ConfigMap>> {
    if request.volumes != Some(Volumes::None) {
        return Ok(None);
    }
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), namespace);
    let name = no_volume_data::NAME;
    match api.get_opt(name).await.doing(|| format!("get configmap {name:?} in namespace {namespace:?}"))? {
        Some(found) => no_volume_data::check(&found, namespace).map(|()| None),
        None => Ok(Some(no_volume_data::config_map(namespace))),
    }
}

/// From the name of a volume to what it is.
async fn volumes(cluster: &Cluster) -> Result<Option<VolumesByName>> {
    let mut volumes = VolumesByName::new();
    let add = |volume: PersistentVolume| {
        let host_path = volume.spec.as_ref().is_some_and(|spec| spec.host_path.is_some());
        volumes.insert(volume.name_any(), (provisioned::of_volume(&volume), host_path));
    };
    let listed = list(cluster, &ListRequest::of::<PersistentVolume>(None, None), "list persistentvolumes", add).await;
    Ok(readable(listed)?.map(|()| volumes))
}

/// From storage class to provisioner.
async fn provisioners(cluster: &Cluster) -> Result<Option<BTreeMap<String, String>>> {
    let classes = facts::claim::storage_classes(cluster).await?;
    Ok(classes.map(|classes| classes.into_iter().map(|class| (class.name_any(), class.provisioner)).collect()))
}

/// The drivers that Velero can snapshot; none when the cluster has no snapshots at all.
async fn drivers(cluster: &Cluster) -> Result<Option<BTreeSet<String>>> {
    let classes = match facts::snapshots::classes(cluster).await {
        Ok(classes) => classes,
        Err(error) if error.message == facts::snapshots::not_installed().message => Some(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(classes.map(|classes| {
        let marks: Vec<(String, bool)> = classes
            .iter()
            .map(|class| {
                let default = class.annotations().get(DEFAULT_SNAPSHOT_CLASS).is_some_and(|value| value == "true");
                (class.driver.clone(), default || class.labels().contains_key(VELERO_SNAPSHOT_CLASS))
            })
            .collect();
        snapshot_drivers(&marks)
    }))
}
