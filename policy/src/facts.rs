//! What the rules may be told about the cluster; whoever asks leaves open what they do not know.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use crate::{snapshot_class::SnapshotClassFact, velero::VeleroFacts};

/// Facts about the cluster and the request. `None` means not known, never "there is none".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The time of the decision.
    pub now: Option<Timestamp>,
    /// On whose behalf the object is written.
    pub writer: Writer,
    /// Whether the object is written by an account that neither quotas nor rules bind.
    pub requester_exempt: Option<bool>,
    /// Whether the object is new and its author takes no slot of its resource's quota, though the rules bind them.
    pub quota_exempt: bool,
    /// The PVCs of the object's namespace whose volumes are directories of a node.
    pub node_directories: Option<BTreeSet<String>>,
    /// Where the PVC that a snapshot is taken of lives.
    pub source_volume: Option<VolumeFact>,
    /// Every VolumeSnapshotClass of the cluster.
    pub snapshot_classes: Option<Vec<SnapshotClassFact>>,
    /// What there is of Velero.
    pub velero: VeleroFacts,
}

/// Who writes an object, as the API server authenticated them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Writer {
    /// Anybody, whose every word is judged.
    #[default]
    Anybody,
    /// One of Kubernetes' own controllers, which copies templates.
    Controller,
    /// A node.
    Node,
}

/// Accounts that make pods and workloads from templates which were judged when they were written; the webhook's manifest
/// leaves the same ones out.
pub const CONTROLLERS: [&str; 9] = [
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:deployment-controller",
    "system:serviceaccount:kube-system:replicaset-controller",
    "system:serviceaccount:kube-system:statefulset-controller",
    "system:serviceaccount:kube-system:daemon-set-controller",
    "system:serviceaccount:kube-system:job-controller",
    "system:serviceaccount:kube-system:cronjob-controller",
    "system:serviceaccount:kube-system:replication-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
];

impl Writer {
    /// Who the server's authentication says it is.
    pub fn of(username: &str, groups: &[String]) -> Self {
        if CONTROLLERS.contains(&username) {
            Self::Controller
        } else if groups.iter().any(|group| group == "system:nodes") {
            Self::Node
        } else {
            Self::Anybody
        }
    }
}

/// Namespace and name of the PVC that is bound to this PersistentVolume, when the volume is a directory of a node.
#[must_use]
pub fn claim_in_node_directory(volume: &Value) -> Option<(&str, &str)> {
    volume.pointer("/spec/hostPath").filter(|path| !path.is_null())?;
    let text = |pointer: &str| volume.pointer(pointer).and_then(Value::as_str);
    // One that is released still names the claim that it had.
    text("/status/phase").filter(|phase| *phase == "Bound")?;
    Some((text("/spec/claimRef/namespace")?, text("/spec/claimRef/name")?))
}

/// Where a PVC's data lives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumeFact {
    /// Its storage class, when it has one.
    pub storage_class: Option<String>,
    /// Its CSI driver, when it is known.
    pub driver: Option<String>,
}
