//! What the rules must know of the cluster about an object: the same reads that the webhook makes.

use std::collections::HashMap;

use backup_api::{claim::storage_class_of, labels::velero_label_value, snapshot::VolumeSnapshotClass};
use backup_policy::{
    Config, Facts, Subject,
    facts::{VolumeFact, claim_in_node_directory},
    snapshot_class::SnapshotClassFact,
    velero::{
        BackupFact, ConfigMapFact, LocationFact, LockedBackup, Lookup, Needs, SnapshotLocationFact, VeleroFacts,
        open_deletions,
    },
};
use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Deserialize as _;
use serde_json::Value;

use crate::{
    client::{self, Cluster, ListRequest, list},
    error::{CliError, Result},
    facts::{claim, policy::policy_in_force},
    plan::provisioned::Provisioned,
};

const UNREAD: &str = "the cluster's BackupPolicy may not be read: the built-in values are used";

/// What a server answers who asks for all objects of a kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed {
    /// The objects.
    Items(Vec<Value>),
    /// They may not be listed.
    Forbidden,
    /// The cluster does not have that kind.
    NotServed,
}

/// Asks the cluster, for each thing once.
pub struct RuleFacts<'a> {
    cluster: &'a Cluster,
    now: Timestamp,
    /// Answers by path.
    lists: HashMap<String, Listed>,
}

impl<'a> RuleFacts<'a> {
    /// Facts of this cluster at this time.
    pub fn new(cluster: &'a Cluster, now: Timestamp) -> Self {
        Self { cluster, now, lists: HashMap::new() }
    }

    /// The configuration that is in force, as the webhook has it, with a remark when that may be another one.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn config(&self) -> Result<(Config, Option<String>)> {
        let found = policy_in_force(self.cluster).await?;
        let unread = (!found.doubts.is_empty()).then(|| UNREAD.to_owned());
        Ok((found.config, unread.or(found.unusable)))
    }

    /// The facts about an object, which is written to that namespace.
    ///
    /// # Errors
    /// When the server cannot be asked; what may not be read stays open.
    pub async fn about(&mut self, object: &Value, requester_exempt: Option<bool>) -> Result<Facts> {
        let mut facts = Facts { now: Some(self.now), requester_exempt, ..Facts::default() };
        let Some(subject) = Subject::read(object, None) else { return Ok(facts) };
        let namespace =
            object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or(&self.cluster.namespace);
        let namespace = namespace.to_owned();
        if let Some(claim) = subject.snapshot_of_without_class() {
            facts.source_volume = self.volume(&namespace, claim).await?;
            facts.snapshot_classes = self.classes().await?;
        }
        if subject.asks_for_node_directories() {
            let volumes = self.list("/api/v1/persistentvolumes".to_owned()).await?;
            let of_namespace = |volume: &Value| {
                let (its, claim) = claim_in_node_directory(volume)?;
                (its == namespace).then(|| claim.to_owned())
            };
            facts.node_directories = volumes.map(|volumes| volumes.iter().filter_map(of_namespace).collect());
        }
        facts.velero = self.velero(&Needs::of(&subject), &namespace).await?;
        Ok(facts)
    }

    async fn velero(&mut self, needs: &Needs<'_>, namespace: &str) -> Result<VeleroFacts> {
        let mut velero = VeleroFacts::default();
        if needs.locations {
            let found = self.of_velero(namespace, "backupstoragelocations").await?;
            velero.locations = found.map(|found| found.iter().map(location).collect());
        }
        if needs.snapshot_locations {
            let found = self.of_velero(namespace, "volumesnapshotlocations").await?;
            velero.snapshot_locations = found.map(|found| found.iter().map(snapshot_location).collect());
        }
        if needs.node_agent {
            let agents = self.list(format!("/apis/apps/v1/namespaces/{namespace}/daemonsets")).await?;
            velero.node_agent = agents.map(|found| found.iter().any(is_ready_node_agent));
        }
        if let Some(name) = needs.backup {
            let backup = self.object(format!("/apis/velero.io/v1/namespaces/{namespace}/backups/{name}")).await?;
            velero.backup = backup.map(|found| looked_up(found, BackupFact::read));
        }
        if let Some(name) = needs.schedule {
            let label = velero_label_value(name);
            let of_schedule = |backup: &&Value| text(backup, "/metadata/labels/velero.io~1schedule-name") == label;
            velero.backups_of_schedule = self
                .of_velero(namespace, "backups")
                .await?
                .map(|found| found.iter().filter(of_schedule).map(BackupFact::read).collect());
        }
        if let Some(name) = needs.resource_policy {
            velero.resource_policy = self.config_map(namespace, name).await?;
        }
        if let Some(name) = needs.resource_modifier {
            velero.resource_modifier = self.config_map(namespace, name).await?;
        }
        if let Some(name) = needs.deletions_of {
            let requests = self.of_velero(namespace, "deletebackuprequests").await?;
            velero.deletions = requests.map(|found| open_deletions(found.iter(), name));
        }
        if let Some(name) = needs.locked_in {
            let backups = self.of_velero(namespace, "backups").await?;
            velero.locked_backup = backups.map(|found| LockedBackup::last(found.iter(), name));
        }
        if let Some(name) = needs.namesakes_of {
            let backups = self.of_velero(namespace, "backups").await?;
            velero.locked_namesake = backups.map(|found| LockedBackup::namesake(found.iter(), name));
        }
        Ok(velero)
    }

    async fn config_map(&self, namespace: &str, name: &str) -> Result<Option<Lookup<ConfigMapFact>>> {
        let found = self.object(format!("/api/v1/namespaces/{namespace}/configmaps/{name}")).await?;
        Ok(found.map(|found| looked_up(found, config_map)))
    }

    async fn volume(&self, namespace: &str, name: &str) -> Result<Option<VolumeFact>> {
        if !can_be_asked_for(&format!("/{name}")) {
            return Ok(None);
        }
        let there = Cluster { namespace: namespace.to_owned(), ..self.cluster.clone() };
        let Some(claim) = claim::read_opt(&there, name).await? else { return Ok(None) };
        let storage_class = storage_class_of(&claim).map(str::to_owned);
        let driver = match (claim::provisioned(&there, &claim).await?, &storage_class) {
            (Provisioned::ByCsi(driver), _) => Some(driver),
            // Whatever makes the volumes of its class, as the webhook has it: no snapshot class is for another one.
            (_, Some(class)) => self.provisioner(class).await?,
            (_, None) => None,
        };
        Ok(Some(VolumeFact { storage_class, driver }))
    }

    async fn provisioner(&self, storage_class: &str) -> Result<Option<String>> {
        Ok(match self.object(format!("/apis/storage.k8s.io/v1/storageclasses/{storage_class}")).await? {
            Some(Lookup::Found(class)) => Some(text(&class, "/provisioner").to_owned()),
            Some(Lookup::Absent) | None => None,
        })
    }

    async fn classes(&mut self) -> Result<Option<Vec<SnapshotClassFact>>> {
        let found = self.list("/apis/snapshot.storage.k8s.io/v1/volumesnapshotclasses".to_owned()).await?;
        Ok(found.map(|classes| classes.iter().filter_map(snapshot_class).collect()))
    }

    async fn of_velero(&mut self, namespace: &str, plural: &str) -> Result<Option<Vec<Value>>> {
        self.list(format!("/apis/velero.io/v1/namespaces/{namespace}/{plural}")).await
    }

    /// The objects at a path; `None` when they may not be listed, or the cluster does not know them.
    async fn list(&mut self, path: String) -> Result<Option<Vec<Value>>> {
        Ok(match self.listed(path).await? {
            Listed::Items(items) => Some(items),
            Listed::Forbidden | Listed::NotServed => None,
        })
    }

    /// The objects at a path, or why there are none.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn listed(&mut self, path: String) -> Result<Listed> {
        if let Some(known) = self.lists.get(&path) {
            return Ok(known.clone());
        }
        let mut objects = Vec::new();
        let request = ListRequest { path: path.clone(), selector: String::new() };
        let plural = path.rsplit('/').next().unwrap_or_default();
        let found = match list(self.cluster, &request, &format!("list {plural}"), |object| objects.push(object)).await {
            Ok(()) => Listed::Items(objects),
            Err(error) if error.is_forbidden() => Listed::Forbidden,
            Err(error) if error.is_missing_resource_type() => Listed::NotServed,
            Err(error) => return Err(error),
        };
        self.lists.insert(path, found.clone());
        Ok(found)
    }

    /// The object at a path; `None` when it may not be read, or no server can be asked for it.
    async fn object(&self, path: String) -> Result<Option<Lookup<Value>>> {
        if !can_be_asked_for(&path) {
            return Ok(None);
        }
        match client::get(self.cluster, &path, "read what the manifest names").await {
            Ok(object) => Ok(Some(Lookup::Found(object))),
            Err(error) if error.code == Some(404) => Ok(Some(Lookup::Absent)),
            Err(error) if error.is_forbidden() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether it can stand in a request: in manifests there are names that no object can have.
fn can_be_asked_for(path: &str) -> bool {
    http::uri::PathAndQuery::try_from(path).is_ok()
}

fn looked_up<T>(found: Lookup<Value>, read: impl Fn(&Value) -> T) -> Lookup<T> {
    match found {
        Lookup::Absent => Lookup::Absent,
        Lookup::Found(object) => Lookup::Found(read(&object)),
    }
}

/// A ConfigMap as the rules see it.
pub fn config_map(object: &Value) -> ConfigMapFact {
    let data = object.get("data").and_then(Value::as_object).into_iter().flatten();
    ConfigMapFact::of(data.map(|(_, text)| text.as_str().unwrap_or_default()))
}

fn snapshot_class(object: &Value) -> Option<SnapshotClassFact> {
    let class = VolumeSnapshotClass::deserialize(object).ok()?;
    Some(SnapshotClassFact { name: class.name_any(), is_default: class.is_default(), driver: class.driver })
}

fn location(object: &Value) -> LocationFact {
    LocationFact {
        name: text(object, "/metadata/name").to_owned(),
        is_default: object.pointer("/spec/default").and_then(Value::as_bool).unwrap_or(false),
        read_only: text(object, "/spec/accessMode") == "ReadOnly",
        available: text(object, "/status/phase") == "Available",
    }
}

fn is_ready_node_agent(object: &Value) -> bool {
    let ready = object.pointer("/status/numberReady").and_then(Value::as_i64).unwrap_or_default();
    ready > 0 && ["node-agent", "node-agent-windows"].contains(&text(object, "/metadata/name"))
}

fn snapshot_location(object: &Value) -> SnapshotLocationFact {
    SnapshotLocationFact {
        name: text(object, "/metadata/name").to_owned(),
        provider: text(object, "/spec/provider").to_owned(),
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Says which objects could not be looked at.
///
/// # Errors
/// Always: nothing of what was asked for may be listed.
pub fn nothing_listed(namespace: Option<&str>) -> CliError {
    let error = |place: &str| CliError::new(format!("none of the kinds that the rules know may be listed in {place}"));
    match namespace {
        None => error("all namespaces")
            .hint("Without -A only one namespace is looked at; choose it with -n.")
            .hint("Or ask a cluster administrator for the right to list workloads in the whole cluster."),
        Some(namespace) => error(&format!("namespace {namespace:?}"))
            .hint(format!("See what you may do there with: kubectl auth can-i --list -n {namespace}")),
    }
}

#[cfg(test)]
mod tests;
