//! What a rollback has to remember, kept as an annotation of the snapshot from before the first change to after the last.

use std::fmt;

use backup_api::snapshot::VolumeSnapshot;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde::{Deserialize, Serialize};

use crate::{
    args::parse_name,
    error::{CliError, Result},
};

/// Annotation of a snapshot: the journal. Of a PVC: the snapshot that it was made from by a rollback.
pub const ROLLBACK: &str = "kubectl-backup.dev/rollback";

/// One rollback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Which way it goes.
    pub direction: Direction,
    /// Whether it has arrived there.
    pub done: bool,
    /// The PVC as it was, ready to be created again on the old volume.
    pub original: PersistentVolumeClaim,
    /// The PVC that takes its place.
    pub replacement: PersistentVolumeClaim,
    /// Whether the replacement gets its volume only once a pod uses it.
    pub binds_late: bool,
    /// The old data.
    pub kept: Kept,
    /// What has to stand still meanwhile.
    pub workloads: Vec<Workload>,
    /// The snapshot of the old data, when one is to be taken.
    pub safety: Option<String>,
    /// Whether to go on when that snapshot cannot be had: the volume is kept in any case.
    #[serde(default)]
    pub safety_is_optional: bool,
    /// The volumes of PVCs that go on the way back: they outlive their PVC, and nobody else would know of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_volumes: Vec<Left>,
}

/// A volume that the way back leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The PersistentVolume.
    pub name: String,
    /// Whether it was there before the PVC, with data of somebody else.
    #[serde(default)]
    pub was_there: bool,
}

/// Which way a rollback goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// To the snapshot's data.
    Forward,
    /// To the data that were there before.
    Back,
}

/// The volume with the old data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The PersistentVolume.
    pub volume: String,
    /// The uid of the PVC that it belonged to.
    pub claim_uid: String,
    /// What is to become of the volume once nobody claims it, as it was before the rollback.
    pub reclaim_policy: String,
}

/// Something that runs pods which use the PVC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// How many pods it had.
    pub replicas: i32,
}

/// What can be scaled down and up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// An apps/v1 Deployment.
    Deployment,
    /// An apps/v1 StatefulSet.
    StatefulSet,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            WorkloadKind::Deployment => "deployment",
            WorkloadKind::StatefulSet => "statefulset",
        };
        write!(f, "{kind}/{}", self.name)
    }
}

impl Journal {
    /// Reads the journal of a snapshot; `None` when it has none.
    ///
    /// # Errors
    /// When it was written by something else.
    pub fn of(snapshot: &VolumeSnapshot) -> Result<Option<Self>> {
        let text = snapshot.metadata.annotations.as_ref().and_then(|all| all.get(ROLLBACK));
        let Some(text) = text else { return Ok(None) };
        let [name, namespace] = [&snapshot.metadata.name, &snapshot.metadata.namespace].map(|part| part.as_deref());
        let unusable = |why: &dyn fmt::Display| {
            CliError::new(format!(
                "the annotation {ROLLBACK} of VolumeSnapshot {:?} is no rollback of this program: {why}",
                name.unwrap_or_default()
            ))
            .hint("A newer version of the plugin may have begun it: then go on with that one.")
            .hint(format!(
                "If nobody began one, forget it with: kubectl annotate volumesnapshot {} {ROLLBACK}- -n {}",
                name.unwrap_or_default(),
                namespace.unwrap_or_default()
            ))
        };
        let journal: Self = serde_json::from_str(text).map_err(|error| unusable(&error))?;
        journal.check(snapshot).map_err(|why| unusable(&why))?;
        Ok(Some(journal))
    }

    /// Whoever may write the snapshot may write its annotations: what they say must at least be about its PVC, and the names
    /// be names, since they become parts of requests and of messages.
    fn check(&self, snapshot: &VolumeSnapshot) -> Result<(), &'static str> {
        let namespace = snapshot.metadata.namespace.as_deref();
        let claim = self.original.metadata.name.as_deref();
        let of_snapshot = snapshot.spec.source.persistent_volume_claim_name.as_deref();
        if of_snapshot.is_some_and(|name| claim != Some(name)) {
            return Err("it is about another PVC than the snapshot");
        }
        for planned in [&self.original.metadata, &self.replacement.metadata] {
            if planned.name.as_deref() != claim || planned.namespace.as_deref().is_some_and(|it| Some(it) != namespace)
            {
                return Err("its PVCs are not one and the same");
            }
        }
        let workloads = self.workloads.iter().map(|workload| workload.name.as_str());
        let left = self.left_volumes.iter().map(|left| left.name.as_str());
        let volumes = [self.kept.volume.as_str()].into_iter().chain(left);
        let names = claim.into_iter().chain(volumes).chain(self.safety.as_deref()).chain(workloads);
        if claim.is_none() || names.into_iter().any(|name| parse_name(name).is_err()) {
            return Err("it holds what is no name of an object");
        }
        Ok(())
    }

    /// The PVC's name.
    pub fn claim(&self) -> &str {
        self.original.metadata.name.as_deref().unwrap_or_default()
    }
}
