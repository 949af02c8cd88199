//! CSI snapshots: `snapshot.storage.k8s.io/v1`.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::api::resource::Quantity};
use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// What a user asks for: one snapshot of one claim, or a binding to a content that exists already.
#[derive(CustomResource, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[kube(
    group = "snapshot.storage.k8s.io",
    version = "v1",
    kind = "VolumeSnapshot",
    plural = "volumesnapshots",
    namespaced,
    schema = "disabled",
    status = "VolumeSnapshotStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSnapshotSpec {
    /// Where the data comes from.
    #[serde(default)]
    pub source: VolumeSnapshotSource,
    /// The class; the cluster's default class of the driver when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_snapshot_class_name: Option<String>,
}

/// Exactly one of the two is set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSnapshotSource {
    /// A claim in the snapshot's namespace: take a new snapshot of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim_name: Option<String>,
    /// A content that exists already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_snapshot_content_name: Option<String>,
}

/// What the snapshot-controller reports.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSnapshotStatus {
    /// The content that the snapshot is bound to.
    #[serde(default)]
    pub bound_volume_snapshot_content_name: Option<String>,
    /// When the storage cut the snapshot (RFC 3339).
    #[serde(default)]
    pub creation_time: Option<String>,
    /// True once volumes can be made from it.
    #[serde(default)]
    pub ready_to_use: Option<bool>,
    /// The least size of a volume made from it.
    #[serde(default)]
    pub restore_size: Option<Quantity>,
    /// The last error of the driver or the controller.
    #[serde(default)]
    pub error: Option<SnapshotError>,
    /// The VolumeGroupSnapshot that it was taken with, and goes with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_group_snapshot_name: Option<String>,
}

/// An error that the driver or the controller reported.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct SnapshotError {
    /// What went wrong, in the driver's words.
    #[serde(default)]
    pub message: Option<String>,
    /// When (RFC 3339).
    #[serde(default)]
    pub time: Option<String>,
}

/// The storage side of a snapshot.
#[derive(CustomResource, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[kube(
    group = "snapshot.storage.k8s.io",
    version = "v1",
    kind = "VolumeSnapshotContent",
    plural = "volumesnapshotcontents",
    schema = "disabled",
    status = "VolumeSnapshotContentStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSnapshotContentSpec {
    /// `Delete` or `Retain`: what happens to the storage's snapshot when this object goes.
    #[serde(default)]
    pub deletion_policy: String,
    /// The CSI driver.
    #[serde(default)]
    pub driver: String,
    /// The volume or the snapshot that this content stands for.
    #[serde(default)]
    pub source: VolumeSnapshotContentSource,
    /// The VolumeSnapshot that it is bound to.
    #[serde(default)]
    pub volume_snapshot_ref: ObjectReference,
    /// The class that it was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_snapshot_class_name: Option<String>,
    /// `Filesystem` or `Block`: the mode of the volume that was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_volume_mode: Option<String>,
}

/// Exactly one of the two is set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSnapshotContentSource {
    /// The volume that was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_handle: Option<String>,
    /// A snapshot that exists on the storage already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_handle: Option<String>,
}

/// What the driver reported.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSnapshotContentStatus {
    /// The storage's name of the snapshot.
    #[serde(default)]
    pub snapshot_handle: Option<String>,
    /// Nanoseconds since 1970.
    #[serde(default)]
    pub creation_time: Option<i64>,
    /// Bytes that a volume made from it needs at least.
    #[serde(default)]
    pub restore_size: Option<i64>,
    /// True once volumes can be made from it.
    #[serde(default)]
    pub ready_to_use: Option<bool>,
    /// The last error of the driver.
    #[serde(default)]
    pub error: Option<SnapshotError>,
}

/// How snapshots of one driver are taken. Not a spec/status object: its fields stand beside the metadata.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSnapshotClass {
    /// Name and annotations; the default class carries [`crate::labels::DEFAULT_SNAPSHOT_CLASS`].
    #[serde(default)]
    pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    /// The CSI driver.
    #[serde(default)]
    pub driver: String,
    /// `Delete` or `Retain`.
    #[serde(default)]
    pub deletion_policy: String,
    /// The driver's own settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<BTreeMap<String, String>>,
}

impl VolumeSnapshotClass {
    /// Returns whether the class is marked as its driver's default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.metadata
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(crate::labels::DEFAULT_SNAPSHOT_CLASS))
            .is_some_and(|value| value == "true")
    }
}

impl kube::Resource for VolumeSnapshotClass {
    type DynamicType = ();
    type Scope = kube::core::ClusterResourceScope;

    fn kind(_: &()) -> std::borrow::Cow<'_, str> {
        "VolumeSnapshotClass".into()
    }
    fn group(_: &()) -> std::borrow::Cow<'_, str> {
        "snapshot.storage.k8s.io".into()
    }
    fn version(_: &()) -> std::borrow::Cow<'_, str> {
        "v1".into()
    }
    fn plural(_: &()) -> std::borrow::Cow<'_, str> {
        "volumesnapshotclasses".into()
    }
    fn meta(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        &mut self.metadata
    }
}
