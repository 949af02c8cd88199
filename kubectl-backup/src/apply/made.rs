//! What a run has made so far: taken away again when a later step fails, and named when it cannot be.

use std::time::Duration;

use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    args::DryRun,
    client::{self, Cluster, FIELD_MANAGER, until},
    error::{CliError, Doing as _, Result},
};

/// How long an object may take to go. Its finalizers are the controllers' to remove.
const GOING: Duration = Duration::from_secs(30);

/// The finalizer of the CSI provisioner on a snapshot that it fills a claim from.
const OF_PROVISIONER: &str = "provisioner.storage.kubernetes.io/volumesnapshot-as-source-protection";

/// An object that was made.
#[derive(Clone, Debug)]
pub struct Thing {
    object: Value,
    uid: String,
    /// Kind and name, as kubectl takes them.
    resource: String,
    /// The claim that it is needed for, when only for a while.
    fills: Option<String>,
    /// Whether it is a snapshot that shows another namespace's.
    is_second: bool,
}

/// Everything that was made, in order.
#[derive(Clone, Debug, Default)]
pub struct Made(Vec<Thing>);

impl Thing {
    fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn place(&self) -> String {
        match self.text("/metadata/namespace") {
            "" => self.resource.clone(),
            namespace => format!("{} in namespace {namespace:?}", self.resource),
        }
    }

    /// The command that removes it by hand.
    fn removal(&self) -> String {
        let name = self.text("/metadata/name");
        match (self.text("/kind"), self.text("/metadata/namespace")) {
            // Takes its second content with it.
            ("VolumeSnapshot", namespace) => format!("kubectl backup snapshot delete {name} -n {namespace}"),
            (_, "") => format!("kubectl delete {}", self.resource),
            (_, namespace) => format!("kubectl delete {} -n {namespace}", self.resource),
        }
    }

    async fn delete(&self, cluster: &Cluster) -> Result<()> {
        let doing = format!("delete {}", self.place());
        let path =
            client::path(&self.object).ok_or_else(|| CliError::new(format!("failed to {doing}: it has no path")))?;
        client::delete_exactly(cluster, &path, &self.uid, &doing).await
    }

    /// Waits until it is gone.
    async fn gone(&self, cluster: &Cluster) -> Result<()> {
        let still = || CliError::timeout(format!("{} is still being deleted after {GOING:?}", self.place()));
        tokio::time::timeout(GOING, self.watched(cluster)).await.unwrap_or_else(|_| Err(still()))
    }

    /// The provisioner holds a snapshot for as long as it fills a claim from it, and forgets to let go when the claim is
    /// deleted before. A second content keeps the storage's snapshot, so that there is nothing to hold.
    async fn watched(&self, cluster: &Cluster) -> Result<()> {
        let (group, version) = self.text("/apiVersion").split_once('/').unwrap_or(("", self.text("/apiVersion")));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, self.text("/kind")));
        let name = self.text("/metadata/name");
        let api: Api<DynamicObject> = match self.text("/metadata/namespace") {
            "" => Api::all_with(cluster.client.clone(), &resource),
            namespace => Api::namespaced_with(cluster.client.clone(), namespace, &resource),
        };
        let doing = format!("watch {}", self.place());
        loop {
            let judge = |found: Option<DynamicObject>| {
                let found = found.map(|found| found.metadata).filter(|found| found.uid.as_deref() == Some(&self.uid));
                let Some(found) = found else { return Ok(Some(None)) };
                let held = found.finalizers.iter().flatten().any(|it| it == OF_PROVISIONER);
                Ok((held && self.is_second).then_some(Some(found)))
            };
            let held = until(api.clone(), name, Duration::ZERO, &doing, judge).await?.flatten();
            let Some(held) = held else { return Ok(()) };
            let others: Vec<_> = held.finalizers.into_iter().flatten().filter(|it| it != OF_PROVISIONER).collect();
            let patch = json!({"metadata": {"finalizers": others, "resourceVersion": held.resource_version}});
            let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            match api.patch(name, &params, &Patch::Merge(patch)).await.doing(|| format!("let go of {}", self.place())) {
                // Somebody else was faster: look again.
                Err(error) if !matches!(error.code, Some(404 | 409)) => return Err(error),
                _ => {}
            }
        }
    }
}

impl Made {
    /// Makes an object and remembers it. `resource` is its kind and name; `fills` the claim that it is needed for, when
    /// only for a while.
    ///
    /// # Errors
    /// When the server refuses or cannot be asked.
    pub async fn make(
        &mut self,
        cluster: &Cluster,
        object: &Value,
        resource: &str,
        fills: Option<&str>,
        dry_run: DryRun,
    ) -> Result<Value> {
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
        let place = namespace.map(|namespace| format!(" in namespace {namespace:?}")).unwrap_or_default();
        let doing = format!("create {resource}{place}");
        let path = client::path(object).ok_or_else(|| CliError::new(format!("failed to {doing}: it has no path")))?;
        let collection = path.rsplit_once('/').map_or(path.as_str(), |(collection, _)| collection);
        let answer = client::create(cluster, collection, object, dry_run, &doing).await?;
        if dry_run == DryRun::None {
            self.0.push(Thing {
                object: json!({"apiVersion": object["apiVersion"], "kind": object["kind"],
                    "metadata": {"name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"]}}),
                uid: answer.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned(),
                resource: resource.to_owned(),
                fills: fills.map(str::to_owned),
                is_second: object.pointer("/spec/source/volumeSnapshotContentName").is_some(),
            });
        }
        Ok(answer)
    }

    /// Removes everything again, and says so with the error that led to it.
    pub async fn undo(self, cluster: &Cluster, error: CliError) -> CliError {
        if self.0.is_empty() {
            return error;
        }
        let left = remove(cluster, &self.0).await;
        if left.is_empty() {
            let names: Vec<_> = self.0.iter().map(|thing| thing.resource.as_str()).collect();
            return error.hint(format!("What was made was removed again: {}.", names.join(", ")));
        }
        named(error, &left)
    }

    /// Removes what was needed only until these claims were filled. Returns what is in the way of it.
    pub async fn release(&mut self, cluster: &Cluster, filled: &[String]) -> Option<CliError> {
        let is_done = |thing: &Thing| thing.fills.as_ref().is_some_and(|claim| filled.contains(claim));
        let (done, kept): (Vec<_>, Vec<_>) = self.0.drain(..).partition(is_done);
        self.0 = kept;
        let left = remove(cluster, &done).await;
        if left.is_empty() {
            return None;
        }
        Some(named(
            CliError::new("the PVC has its data, but what was needed for it meanwhile could not be removed"),
            &left,
        ))
    }

    /// What stays because it is needed until a claim is filled, a line each. A second content goes with its snapshot.
    pub fn needed(&self) -> Vec<String> {
        let snapshots = self.0.iter().filter(|thing| thing.text("/kind") == "VolumeSnapshot");
        let line = |thing: &Thing| {
            let claim = thing.fills.as_ref()?;
            let [name, namespace] = ["/metadata/name", "/metadata/namespace"].map(|pointer| thing.text(pointer));
            Some(format!(
                "PVC {claim} needs snapshot {name} in namespace {namespace:?} until it is filled. It holds a slot of the quota; then remove it with: {}",
                thing.removal()
            ))
        };
        snapshots.filter_map(line).collect()
    }

    /// The commands that remove everything, for whoever interrupts.
    pub fn removal(&self) -> String {
        self.0.iter().rev().map(Thing::removal).collect::<Vec<_>>().join("; ")
    }
}

fn named(mut error: CliError, left: &[(Thing, CliError)]) -> CliError {
    for (thing, why) in left {
        error = error.hint(format!("{} stays ({}); remove it with: {}", thing.place(), why.message, thing.removal()));
    }
    error
}

/// Removes a claim before the snapshot that fills it, and that before its content: the controllers get stuck over a
/// snapshot whose content went first. What is still there is returned with the reason.
async fn remove(cluster: &Cluster, things: &[Thing]) -> Vec<(Thing, CliError)> {
    const ORDER: [&str; 3] = ["PersistentVolumeClaim", "VolumeSnapshot", "VolumeSnapshotContent"];
    let mut left = Vec::new();
    for kind in ORDER {
        let of_kind = things.iter().filter(|thing| thing.text("/kind") == kind);
        let removals = of_kind.map(|thing| async move {
            let removed = async {
                thing.delete(cluster).await?;
                thing.gone(cluster).await
            };
            removed.await.err().map(|error| (thing.clone(), error))
        });
        left.extend(futures::future::join_all(removals).await.into_iter().flatten());
        if !left.is_empty() {
            // What comes after is still needed by what stays.
            let later = ORDER.iter().skip_while(|it| **it != kind).skip(1);
            let stays = |thing: &&Thing| later.clone().any(|kind| thing.text("/kind") == *kind);
            let why = || CliError::new("it goes after that");
            left.extend(things.iter().filter(stays).map(|thing| (thing.clone(), why())));
            break;
        }
    }
    left
}
