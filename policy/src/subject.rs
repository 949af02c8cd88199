//! An object that somebody wants to write.

use serde_json::Value;

use crate::{names, pod::Pod, rules::node_directory};

/// The kinds that the rules know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A pod.
    Pod,
    /// An apps/v1 Deployment.
    Deployment,
    /// An apps/v1 StatefulSet.
    StatefulSet,
    /// An apps/v1 DaemonSet.
    DaemonSet,
    /// An apps/v1 ReplicaSet.
    ReplicaSet,
    /// A ReplicationController.
    ReplicationController,
    /// A batch/v1 Job.
    Job,
    /// A batch/v1 CronJob.
    CronJob,
    /// A CSI VolumeSnapshot.
    VolumeSnapshot,
    /// A Velero Backup.
    Backup,
    /// A Velero Schedule.
    Schedule,
    /// A Velero Restore.
    Restore,
    /// A Velero DeleteBackupRequest.
    DeleteBackupRequest,
    /// A Velero BackupStorageLocation.
    BackupStorageLocation,
    /// A policy of ours.
    BackupPolicy,
    /// A PersistentVolumeClaim.
    PersistentVolumeClaim,
    /// What a scheduler writes to put a pod on a node; its annotations become the pod's.
    Binding,
}

impl Kind {
    /// The kind of that API group and name; versions of one kind are alike to the rules.
    #[must_use]
    pub fn of(group: &str, kind: &str) -> Option<Self> {
        Some(match (group, kind) {
            ("", "Pod") => Self::Pod,
            ("", "PersistentVolumeClaim") => Self::PersistentVolumeClaim,
            ("", "Binding") => Self::Binding,
            ("", "ReplicationController") => Self::ReplicationController,
            ("apps", "Deployment") => Self::Deployment,
            ("apps", "StatefulSet") => Self::StatefulSet,
            ("apps", "DaemonSet") => Self::DaemonSet,
            ("apps", "ReplicaSet") => Self::ReplicaSet,
            ("batch", "Job") => Self::Job,
            ("batch", "CronJob") => Self::CronJob,
            ("snapshot.storage.k8s.io", "VolumeSnapshot") => Self::VolumeSnapshot,
            ("velero.io", "Backup") => Self::Backup,
            ("velero.io", "Schedule") => Self::Schedule,
            ("velero.io", "Restore") => Self::Restore,
            ("velero.io", "DeleteBackupRequest") => Self::DeleteBackupRequest,
            ("velero.io", "BackupStorageLocation") => Self::BackupStorageLocation,
            ("kubectl-backup.dev", "BackupPolicy") => Self::BackupPolicy,
            _ => return None,
        })
    }

    /// Whether objects of this kind make pods from a template.
    #[must_use]
    pub fn has_template(self) -> bool {
        match self {
            Self::Deployment
            | Self::StatefulSet
            | Self::DaemonSet
            | Self::ReplicaSet
            | Self::ReplicationController
            | Self::Job
            | Self::CronJob => true,
            Self::Pod
            | Self::VolumeSnapshot
            | Self::Backup
            | Self::Schedule
            | Self::Restore
            | Self::DeleteBackupRequest
            | Self::BackupStorageLocation
            | Self::BackupPolicy
            | Self::PersistentVolumeClaim
            | Self::Binding => false,
        }
    }

    fn of_owner(api_version: &str, kind: &str) -> Option<Self> {
        Self::of(api_version.split_once('/').map_or("", |(group, _)| group), kind)
    }
}

/// What somebody wants to do with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// To make it.
    Create,
    /// To change it.
    Update,
    /// To delete it.
    Delete,
}

/// An object that somebody wants to write or to delete, and what it replaces.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What it is.
    pub kind: Kind,
    /// What is done with it.
    pub operation: Operation,
    /// The object as it shall be; of a deletion, as it is.
    pub object: &'a Value,
    /// The object that is changed; nothing when it is made or deleted.
    pub old: Option<&'a Value>,
}

/// Whether an object of the cluster is being deleted.
#[must_use]
pub fn is_marked_deleted(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|mark| !mark.is_null())
}

impl<'a> Subject<'a> {
    /// Reads the kind from the object itself, as a manifest carries it; `None` when the rules do not know it.
    #[must_use]
    pub fn read(object: &'a Value, old: Option<&'a Value>) -> Option<Self> {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let kind = Kind::of_owner(text("apiVersion")?, text("kind")?)?;
        Some(Self::write(kind, object, old))
    }

    /// An object that is made, or put in place of an old one.
    #[must_use]
    pub fn write(kind: Kind, object: &'a Value, old: Option<&'a Value>) -> Self {
        let operation = if old.is_some() { Operation::Update } else { Operation::Create };
        Self { kind, operation, object, old }
    }

    /// An object that is deleted.
    #[must_use]
    pub fn deletion(kind: Kind, object: &'a Value) -> Self {
        Self { kind, operation: Operation::Delete, object, old: None }
    }

    /// Whether the object only waits for its finalizers: refusing such an object would hold up its deletion.
    ///
    /// Nobody makes an object so, and none becomes so by an update: a mark that somebody writes means nothing. A create takes it
    /// off before webhooks are asked, and server-side apply does not (seen with Kubernetes 1.36).
    #[must_use]
    pub fn is_terminating(&self) -> bool {
        match self.operation {
            Operation::Create => false,
            Operation::Update => self.old.is_some_and(is_marked_deleted),
            Operation::Delete => is_marked_deleted(self.object),
        }
    }

    /// Whether a controller makes this object from a template that the rules see for themselves.
    ///
    /// What is wrong there was said where it was written. Refusing the copy would stop the rollouts and the self-healing
    /// of workloads that are older than the rule, and nobody reads the answer that a controller gets.
    #[must_use]
    pub fn is_from_checked_template(&self) -> bool {
        let owners = self.object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().any(|owner| {
            let text = |key: &str| owner.get(key).and_then(Value::as_str).unwrap_or_default();
            owner.get("controller").and_then(Value::as_bool) == Some(true)
                && Kind::of_owner(text("apiVersion"), text("kind")).is_some_and(Kind::has_template)
        })
    }

    /// Whether the kubelet made the pod to show one of its static pods, which nothing here can change.
    #[must_use]
    pub fn is_mirror_pod(&self) -> bool {
        self.kind == Kind::Pod && annotation(self.object, "kubernetes.io/config.mirror").is_some()
    }

    /// Whether the object carries the mark of an exempt account.
    #[must_use]
    pub fn quota_exempt_label(&self) -> Option<&'a str> {
        label(self.object, names::QUOTA_EXEMPT)
    }

    /// The label's value on the object that is replaced.
    #[must_use]
    pub fn old_quota_exempt_label(&self) -> Option<&'a str> {
        self.old.and_then(|old| label(old, names::QUOTA_EXEMPT))
    }

    /// Whether it is a snapshot that Velero brings back from a backup, which stays; those that Velero takes are gone with
    /// the backup. Only Velero's account is believed.
    ///
    /// Velero's own snapshots copy the labels of their PVC, so that the label alone does not tell; and what its data mover
    /// makes of a content has no label.
    #[must_use]
    pub fn is_restored_snapshot(&self) -> bool {
        let content = self.object.pointer("/spec/source/volumeSnapshotContentName");
        self.kind == Kind::VolumeSnapshot
            && label(self.object, names::RESTORE_NAME).is_some()
            && content.is_some_and(Value::is_string)
    }

    /// Whether it has to be known which PVCs lie in directories of nodes.
    #[must_use]
    pub fn asks_for_node_directories(&self) -> bool {
        self.operation != Operation::Delete && Pod::of(self).is_some_and(|pod| node_directory::asks(&pod))
    }

    /// The PVC that a new VolumeSnapshot is taken of, when the snapshot names no class.
    #[must_use]
    pub fn snapshot_of_without_class(&self) -> Option<&'a str> {
        if self.kind != Kind::VolumeSnapshot || self.operation != Operation::Create {
            return None;
        }
        let spec = self.object.get("spec")?;
        let class = spec.get("volumeSnapshotClassName").filter(|class| !class.is_null());
        if class.is_some() {
            return None;
        }
        spec.pointer("/source/persistentVolumeClaimName").and_then(Value::as_str)
    }
}

pub(crate) fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(name)?.as_str()
}

pub(crate) fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_are_told_by_group_and_not_by_version() {
        let kind = |object: Value| Subject::read(&object, None).map(|subject| subject.kind);
        assert_eq!(kind(json!({"apiVersion": "v1", "kind": "Pod"})), Some(Kind::Pod));
        assert_eq!(kind(json!({"apiVersion": "apps/v9", "kind": "Deployment"})), Some(Kind::Deployment));
        assert_eq!(kind(json!({"apiVersion": "apps/v1", "kind": "Pod"})), None);
        assert_eq!(kind(json!({"kind": "Pod"})), None);
        assert_eq!(kind(json!([])), None);
    }

    #[test]
    fn only_a_controlling_owner_with_a_template_counts() {
        let from = |api_version: &str, kind: &str, controller: bool| {
            let owner = json!({"apiVersion": api_version, "kind": kind, "controller": controller});
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"ownerReferences": [owner]}});
            Subject::read(&pod, None).map(|subject| subject.is_from_checked_template())
        };
        assert_eq!(from("apps/v1", "ReplicaSet", true), Some(true));
        assert_eq!(from("apps/v1", "ReplicaSet", false), Some(false));
        assert_eq!(from("example.org/v1", "Database", true), Some(false));
        assert_eq!(from("velero.io/v1", "Backup", true), Some(false));
    }
}
