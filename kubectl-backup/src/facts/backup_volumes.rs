//! What decides whether a backup's volume data will be saved. Everything here serves warnings and early refusals: what may
//! not be read is not known, and no error.

use std::collections::{BTreeMap, BTreeSet};

use backup_api::labels::{BACKUP_VOLUMES, DEFAULT_SNAPSHOT_CLASS, VELERO_SNAPSHOT_CLASS};
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment},
    core::v1::{ConfigMap, PersistentVolumeClaim, Pod},
};
use kube::{Api, ResourceExt as _};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    client::{Cluster, ListRequest, list},
    error::{Doing as _, Result},
    facts,
    plan::{
        backup::{Request, Scope, Volumes, is_glob},
        backup_volumes::{Annotated, Claim, Facts, snapshot_drivers},
        no_volume_data, selector_words,
    },
};

/// Velero's DaemonSet that copies volume data.
const NODE_AGENT: &str = "node-agent";
/// The name that Velero's installer gives the server's Deployment.
const SERVER: &str = "velero";
/// The feature without which Velero passes CSI volumes over.
const CSI_FEATURE: &str = "EnableCSI";

/// Reads what there is to know for a backup that was asked for.
///
/// # Errors
/// When the server cannot be asked.
pub async fn read(cluster: &Cluster, velero_namespace: &str, request: &Request) -> Result<Facts> {
    let (claims, annotated, node_agents, csi_enabled, drivers, snapshot_drivers) = tokio::try_join!(
        in_scope::<ClaimRow>(cluster, request, "persistentvolumeclaims"),
        in_scope::<PodRow>(cluster, request, "pods"),
        node_agents(cluster, velero_namespace),
        csi_enabled(cluster, velero_namespace),
        drivers(cluster),
        classes(cluster),
    )?;
    let claims = claims.map(|rows| rows.into_iter().filter_map(|row| row.bound(&drivers)).collect());
    let annotated = annotated.map(|pods| {
        let mut all = Annotated::default();
        pods.iter().for_each(|pod| pod.add_to(&mut all));
        all
    });
    Ok(Facts { claims, annotated, node_agents, csi_enabled, snapshot_drivers })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    namespace: String,
    name: String,
    annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClaimRow {
    metadata: Metadata,
    spec: ClaimSpec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimSpec {
    storage_class_name: Option<String>,
}

impl ClaimRow {
    fn bound(self, drivers: &BTreeMap<String, String>) -> Option<Claim> {
        let driver = self.spec.storage_class_name.and_then(|class| drivers.get(&class).cloned());
        let name = format!("{}/{}", self.metadata.namespace, self.metadata.name);
        (self.status.phase == "Bound").then_some(Claim { name, driver })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodRow {
    metadata: Metadata,
    spec: PodSpec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    volumes: Vec<Volume>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Volume {
    name: String,
    persistent_volume_claim: Option<ClaimSource>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimSource {
    claim_name: String,
}

impl PodRow {
    /// Adds the volumes that Velero would copy: it splits at commas and nothing else, and passes over pods that do not run.
    fn add_to(&self, all: &mut Annotated) {
        let Some(named) = self.metadata.annotations.get(BACKUP_VOLUMES).filter(|_| self.status.phase == "Running")
        else {
            return;
        };
        for volume in self.spec.volumes.iter().filter(|volume| named.split(',').any(|name| name == volume.name)) {
            all.volumes += 1;
            if let Some(claim) = &volume.persistent_volume_claim {
                all.claims.insert(format!("{}/{}", self.metadata.namespace, claim.claim_name));
            }
        }
    }
}

trait Row: DeserializeOwned {
    type Object: kube::Resource<DynamicType = ()>;
    fn namespace(&self) -> &str;
}

impl Row for ClaimRow {
    type Object = PersistentVolumeClaim;
    fn namespace(&self) -> &str {
        &self.metadata.namespace
    }
}

impl Row for PodRow {
    type Object = Pod;
    fn namespace(&self) -> &str {
        &self.metadata.namespace
    }
}

/// Lists what the backup selects; `None` when a part of it may not be listed.
async fn in_scope<R: Row>(cluster: &Cluster, request: &Request, plural: &str) -> Result<Option<Vec<R>>> {
    let selector = selector_words::words(request.selector.as_ref(), None);
    let (namespaces, except): (Vec<Option<&str>>, &[String]) = match &request.scope {
        Scope::Cluster { except } => (vec![None], except),
        Scope::Namespaces(names) if names.iter().any(|name| name.contains(is_glob)) => return Ok(None),
        Scope::Namespaces(names) => (names.iter().map(|name| Some(name.as_str())).collect(), &[]),
    };
    let mut rows: Vec<R> = Vec::new();
    for namespace in namespaces {
        let doing = format!(
            "list {plural} in {}",
            namespace.map_or("all namespaces".into(), |name| format!("namespace {name:?}"))
        );
        let wanted = ListRequest::of::<R::Object>(namespace, Some(&selector));
        match list(cluster, &wanted, &doing, |row: R| rows.push(row)).await {
            Ok(()) => {}
            Err(error) if error.is_forbidden() => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    rows.retain(|row| !except.iter().any(|name| name == row.namespace()));
    Ok(Some(rows))
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

/// Counts the nodes with a ready node-agent.
async fn node_agents(cluster: &Cluster, namespace: &str) -> Result<Option<i32>> {
    let api: Api<DaemonSet> = Api::namespaced(cluster.client.clone(), namespace);
    match api.get_opt(NODE_AGENT).await.doing(|| format!("get daemonset {NODE_AGENT:?} in namespace {namespace:?}")) {
        Ok(set) => Ok(Some(set.and_then(|set| set.status).map_or(0, |status| status.number_ready))),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks into the arguments of Velero's Deployment; `None` when there is no such Deployment or it may not be read.
async fn csi_enabled(cluster: &Cluster, namespace: &str) -> Result<Option<bool>> {
    let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), namespace);
    let deployment =
        match api.get_opt(SERVER).await.doing(|| format!("get deployment {SERVER:?} in namespace {namespace:?}")) {
            Ok(deployment) => deployment,
            Err(error) if error.is_forbidden() => None,
            Err(error) => return Err(error),
        };
    let containers = deployment.and_then(|found| found.spec?.template.spec).map(|pod| pod.containers);
    let server = containers.into_iter().flatten().find(|container| {
        let words = container.command.iter().chain(&container.args).flatten();
        words.into_iter().any(|word| word == "server")
    });
    Ok(server.map(|container| {
        let words = container.command.iter().chain(&container.args).flatten();
        words.into_iter().any(|word| word.contains(CSI_FEATURE))
    }))
}

/// From storage class to driver.
async fn drivers(cluster: &Cluster) -> Result<BTreeMap<String, String>> {
    let classes = facts::claim::storage_classes(cluster).await?.unwrap_or_default();
    Ok(classes.into_iter().map(|class| (class.name_any(), class.provisioner)).collect())
}

/// The drivers that Velero can snapshot; none when the cluster has no snapshots at all.
async fn classes(cluster: &Cluster) -> Result<Option<BTreeSet<String>>> {
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
