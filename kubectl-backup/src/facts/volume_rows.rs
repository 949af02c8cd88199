//! PVCs and pods as far as they decide what becomes of volume data: a cluster may have very many.

use std::collections::{BTreeMap, BTreeSet};

use backup_api::claim::STORAGE_CLASS_ANNOTATION;
use backup_api::labels::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES, VELERO_EXCLUDE};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::plan::{
    provisioned::Provisioned,
    volume_fate::{Claim, Class, Pod, PodVolume, Usage},
};

/// From a volume's name to what it is, and whether it is a directory of a node.
pub type Volumes = BTreeMap<String, (Provisioned, bool)>;

/// Kinds of pod volumes that Velero never copies: their content is in the cluster's objects, or on the node.
const NEVER_COPIED: [&str; 5] = ["hostPath", "secret", "configMap", "projected", "downwardAPI"];

/// An object in a namespace.
pub trait Row: DeserializeOwned {
    /// Its metadata.
    fn metadata(&self) -> &Metadata;

    /// Its namespace.
    fn namespace(&self) -> &str {
        &self.metadata().namespace
    }

    /// `namespace/name`.
    fn name(&self) -> String {
        format!("{}/{}", self.metadata().namespace, self.metadata().name)
    }
}

/// What every object has.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    namespace: String,
    name: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    deletion_timestamp: Option<String>,
}

impl Metadata {
    fn is_excluded(&self) -> bool {
        self.labels.get(VELERO_EXCLUDE).is_some_and(|value| value == "true")
    }

    /// Whether an annotation names the volume: Velero splits it at commas and nothing else.
    fn names(&self, annotation: &str, volume: &str) -> bool {
        self.annotations.get(annotation).is_some_and(|named| named.split(',').any(|name| name == volume))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
}

/// Any object.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct NameRow {
    metadata: Metadata,
}

/// A PVC.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ClaimRow {
    metadata: Metadata,
    spec: ClaimSpec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimSpec {
    storage_class_name: Option<String>,
    volume_name: String,
}

impl ClaimRow {
    /// Returns the PVC.
    pub fn claim(
        self,
        volumes: Option<&Volumes>,
        classes: Option<&BTreeMap<String, String>>,
        selected: Option<&BTreeSet<String>>,
    ) -> Claim {
        let phase = Some(self.status.phase.clone()).filter(|phase| phase != "Bound");
        let unbound = phase.map(|phase| if phase.is_empty() { "Pending".to_owned() } else { phase });
        let name = self.name();
        let by_annotation = self.metadata.annotations.get(STORAGE_CLASS_ANNOTATION).cloned();
        let class = by_annotation.or_else(|| self.spec.storage_class_name.clone()).filter(|class| !class.is_empty());
        let class = match (class, classes) {
            (None, _) => Class::None,
            (Some(_), None) => Class::Unknown,
            (Some(class), Some(classes)) => classes.get(&class).cloned().map_or(Class::Missing(class), Class::Of),
        };
        let (volume, host_path) =
            volumes.and_then(|volumes| volumes.get(&self.spec.volume_name).cloned()).unwrap_or_else(|| match &class {
                // A provisioner of Kubernetes itself may have been replaced by its CSI driver.
                Class::Of(provisioner) if !provisioner.starts_with("kubernetes.io/") => {
                    (Provisioned::ByCsi(provisioner.clone()), false)
                }
                _ => (Provisioned::Unknown, false),
            });
        let selected = selected.is_none_or(|selected| selected.contains(&name));
        Claim { name, selected, excluded: self.metadata.is_excluded(), unbound, volume, host_path, class }
    }
}

/// A pod.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PodRow {
    metadata: Metadata,
    spec: PodSpec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    volumes: Vec<VolumeRow>,
    containers: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct VolumeRow {
    name: String,
    persistent_volume_claim: Option<ClaimSource>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimSource {
    claim_name: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    volume_mounts: Vec<Named>,
    volume_devices: Vec<Named>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
}

impl PodRow {
    /// Returns the pod.
    pub fn pod(self, selected: Option<&BTreeSet<String>>) -> Pod {
        let name = self.name();
        let phase = &self.status.phase;
        let not_running = if phase != "Running" {
            Some(format!("does not run ({})", if phase.is_empty() { "Pending" } else { phase }))
        } else {
            self.metadata.deletion_timestamp.as_ref().map(|_| "is being deleted".to_owned())
        };
        let volumes = self.spec.volumes.iter().map(|volume| self.volume(volume)).collect();
        let selected = selected.is_none_or(|selected| selected.contains(&name));
        Pod { name, selected, excluded: self.metadata.is_excluded(), not_running, volumes }
    }

    fn volume(&self, volume: &VolumeRow) -> PodVolume {
        let namespace = &self.metadata.namespace;
        let by_name = volume.persistent_volume_claim.as_ref().map(|source| source.claim_name.clone());
        // Kubernetes makes the PVC of an ephemeral volume and names it after the pod and the volume.
        let made = volume.others.contains_key("ephemeral").then(|| format!("{}-{}", self.metadata.name, volume.name));
        let uses = |of: fn(&Container) -> &Vec<Named>| {
            self.spec.containers.iter().flat_map(of).any(|used| used.name == volume.name)
        };
        PodVolume {
            claim: by_name.or(made).map(|claim| format!("{namespace}/{claim}")),
            copyable: !NEVER_COPIED.iter().any(|kind| volume.others.contains_key(*kind)),
            annotated: self.metadata.names(BACKUP_VOLUMES, &volume.name),
            opted_out: self.metadata.names(BACKUP_VOLUMES_EXCLUDES, &volume.name),
            // Velero looks for devices first.
            usage: match () {
                () if uses(|container| &container.volume_devices) => Usage::Device,
                () if uses(|container| &container.volume_mounts) => Usage::Mounted,
                () => Usage::Unused,
            },
        }
    }
}

impl Row for NameRow {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

impl Row for ClaimRow {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

impl Row for PodRow {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(value: Value) -> Pod {
        serde_json::from_value::<PodRow>(value).unwrap().pod(None)
    }

    fn claim(value: Value, volumes: Option<&Volumes>) -> Claim {
        let classes = BTreeMap::from([("fast".to_owned(), "block".to_owned())]);
        serde_json::from_value::<ClaimRow>(value).unwrap().claim(volumes, Some(&classes), None)
    }

    #[test]
    fn a_pod_tells_what_velero_would_look_at() {
        let pod = pod(json!({
            "metadata": {"namespace": "shop", "name": "web", "annotations": {BACKUP_VOLUMES: "data,raw, tmp"}},
            "spec": {
                "volumes": [
                    {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
                    {"name": "raw", "persistentVolumeClaim": {"claimName": "raw"}},
                    {"name": "tmp", "ephemeral": {"volumeClaimTemplate": {}}},
                    {"name": "keys", "secret": {}},
                ],
                "initContainers": [{"volumeMounts": [{"name": "tmp"}]}],
                "containers": [{"volumeMounts": [{"name": "data"}], "volumeDevices": [{"name": "raw"}]}],
            },
            "status": {"phase": "Running"},
        }));
        assert_eq!(pod.not_running, None);
        let row = |volume: &PodVolume| {
            format!(
                "{:?} {:?} copyable={} annotated={}",
                volume.claim.as_deref(),
                volume.usage,
                volume.copyable,
                volume.annotated
            )
        };
        insta::assert_snapshot!(pod.volumes.iter().map(row).collect::<Vec<_>>().join("\n"), @r#"
        Some("shop/web-data") Mounted copyable=true annotated=true
        Some("shop/raw") Device copyable=true annotated=true
        Some("shop/web-tmp") Unused copyable=true annotated=false
        None Unused copyable=false annotated=false
        "#);
    }

    #[test]
    fn a_pod_that_ends_or_waits_does_not_run() {
        let why =
            |metadata: Value, phase: &str| pod(json!({"metadata": metadata, "status": {"phase": phase}})).not_running;
        assert_eq!(why(json!({}), "Pending").as_deref(), Some("does not run (Pending)"));
        assert_eq!(
            why(json!({"deletionTimestamp": "2026-11-21T10:00:00Z"}), "Running").as_deref(),
            Some("is being deleted")
        );
    }

    #[test]
    fn the_volume_itself_tells_the_driver_before_the_class_does() {
        let of = |spec: Value, volumes: Option<&Volumes>| {
            claim(
                json!({"metadata": {"namespace": "shop", "name": "data"}, "spec": spec, "status": {"phase": "Bound"}}),
                volumes,
            )
        };
        let volumes = Volumes::from([("pv1".to_owned(), (Provisioned::ByCsi("files".into()), false))]);
        let fixed = of(json!({"volumeName": "pv1", "storageClassName": ""}), Some(&volumes));
        assert_eq!((fixed.volume, fixed.class), (Provisioned::ByCsi("files".into()), Class::None));
        let unread = of(json!({"volumeName": "pv1", "storageClassName": "fast"}), None);
        assert_eq!((unread.volume, unread.class), (Provisioned::ByCsi("block".into()), Class::Of("block".into())));
        let gone = of(json!({"volumeName": "pv1", "storageClassName": "slow"}), None);
        assert_eq!((gone.volume, gone.class), (Provisioned::Unknown, Class::Missing("slow".into())));
        assert_eq!(fixed.unbound, None);
        let waiting = claim(json!({"status": {"phase": "Lost"}}), None);
        assert_eq!(waiting.unbound.as_deref(), Some("Lost"));
    }

    #[test]
    fn a_label_leaves_a_claim_out() {
        let labelled =
            claim(json!({"metadata": {"labels": {VELERO_EXCLUDE: "true"}}, "status": {"phase": "Bound"}}), None);
        assert!(labelled.excluded);
    }
}
