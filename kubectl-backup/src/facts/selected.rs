//! Whether a selector fits anything. Velero calls a backup of nothing completed.

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service},
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ApiResource, DynamicObject, ListParams},
};

use crate::{
    client::Cluster,
    error::{Doing as _, Result},
    plan::{backup::Scope, namespace_patterns, selector_words},
};

/// Objects that are asked for at a time: one is enough, but it may be in a namespace that is left out.
const PAGE: u32 = 50;

/// Returns whether surely no object of the usual kinds fits. What may not be listed may hold one.
///
/// # Errors
/// When the server cannot be asked.
pub async fn nothing(cluster: &Cluster, scope: &Scope, selector: &LabelSelector) -> Result<bool> {
    // The likely kinds first: one answer is enough.
    let kinds = [
        kind::<Pod>(),
        kind::<Deployment>(),
        kind::<StatefulSet>(),
        kind::<PersistentVolumeClaim>(),
        kind::<Service>(),
        kind::<ConfigMap>(),
        kind::<Secret>(),
        kind::<DaemonSet>(),
        kind::<CronJob>(),
        kind::<Job>(),
    ];
    let (namespaces, except): (Vec<Option<&str>>, &[String]) = match scope {
        Scope::Cluster { except } => (vec![None], except),
        Scope::Namespaces(names) => (names.iter().map(|name| Some(name.as_str())).collect(), &[]),
    };
    let params = ListParams::default().labels(&selector_words::words(Some(selector), None)).limit(PAGE);
    for kind in &kinds {
        for namespace in &namespaces {
            let api: Api<DynamicObject> = match namespace {
                Some(name) => Api::namespaced_with(cluster.client.clone(), name, kind),
                None => Api::all_with(cluster.client.clone(), kind),
            };
            let found = match api.list_metadata(&params).await.doing(|| format!("list {}", kind.plural)) {
                Ok(found) => found,
                Err(error) if error.is_forbidden() => return Ok(false),
                Err(error) => return Err(error),
            };
            let in_scope = |name: Option<String>| {
                name.is_none_or(|name| !except.iter().any(|pattern| namespace_patterns::fits(pattern, &name)))
            };
            if found.metadata.continue_.is_some() || found.items.iter().any(|item| in_scope(item.namespace())) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn kind<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>() -> ApiResource {
    ApiResource::erase::<K>(&())
}
