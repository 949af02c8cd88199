//! One object that was made, or may have been.

use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};

use crate::client::{self, Cluster};

/// In which step an object is removed. Claims go before the snapshots that fill them, and those before their contents: the
/// controllers get stuck over a snapshot whose content went first. The snapshot that a second content shows goes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Claim,
    Second,
    SecondContent,
    Snapshot,
}

impl Step {
    pub(super) const ALL: [Self; 4] = [Self::Claim, Self::Second, Self::SecondContent, Self::Snapshot];
}

/// An object.
#[derive(Clone, Debug)]
pub(super) struct Thing {
    pub(super) object: Value,
    /// Not known when the create got no answer.
    pub(super) uid: Option<String>,
    /// Kind and name, as kubectl takes them.
    pub(super) resource: String,
    /// The claim that it is needed for, when only for a while.
    pub(super) fills: Option<String>,
    /// In which step it is removed.
    pub(super) step: Step,
}

impl Thing {
    pub(super) fn new(sent: &Value, uid: Option<String>, resource: &str, fills: Option<&str>) -> Self {
        let step = match sent["kind"].as_str().unwrap_or_default() {
            "VolumeSnapshotContent" => Step::SecondContent,
            "VolumeSnapshot" if sent.pointer("/spec/source/volumeSnapshotContentName").is_some() => Step::Second,
            "VolumeSnapshot" => Step::Snapshot,
            _ => Step::Claim,
        };
        let metadata = json!({"name": sent["metadata"]["name"], "namespace": sent["metadata"]["namespace"]});
        Self {
            object: json!({"apiVersion": sent["apiVersion"], "kind": sent["kind"], "metadata": metadata}),
            uid,
            resource: resource.to_owned(),
            fills: fills.map(str::to_owned),
            step,
        }
    }

    fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    pub(super) fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    /// What it is and where.
    pub(super) fn place(&self) -> String {
        match self.namespace() {
            "" => self.resource.clone(),
            namespace => format!("{} in namespace {namespace:?}", self.resource),
        }
    }

    /// The command that removes it by hand.
    pub(super) fn removal(&self) -> String {
        match (self.step, self.namespace()) {
            // Takes its second content with it.
            (Step::Second | Step::Snapshot, namespace) => {
                format!("kubectl backup snapshot delete {} -n {namespace}", self.name())
            }
            (_, "") => format!("kubectl delete {}", self.resource),
            (_, namespace) => format!("kubectl delete {} -n {namespace}", self.resource),
        }
    }

    /// Where the server keeps it.
    pub(super) fn path(&self) -> Option<String> {
        client::path(&self.object)
    }

    /// The cluster handle, in its namespace.
    pub(super) fn cluster(&self, cluster: &Cluster) -> Cluster {
        Cluster { namespace: self.namespace().to_owned(), ..cluster.clone() }
    }

    /// The interface to objects of its kind.
    pub(super) fn api(&self, cluster: &Cluster) -> Api<DynamicObject> {
        let (group, version) = self.text("/apiVersion").split_once('/').unwrap_or(("", self.text("/apiVersion")));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, self.text("/kind")));
        match self.namespace() {
            "" => Api::all_with(cluster.client.clone(), &resource),
            namespace => Api::namespaced_with(cluster.client.clone(), namespace, &resource),
        }
    }
}
