//! The two PVCs of a rollback: the one that takes the place, and the one that was there.

use std::collections::BTreeMap;

use backup_api::labels;
use k8s_openapi::{api::core::v1::PersistentVolumeClaim, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::ROLLBACK;

/// Prefixes of annotations that controllers write about the binding to a volume; another volume has others.
const OF_BINDING: [&str; 4] =
    ["pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/", "deletion.kubectl-backup.dev/"];

/// The PVC that takes the place: filled as planned from the snapshot, else like the one that was there.
pub fn replacement(
    planned: &PersistentVolumeClaim,
    original: &PersistentVolumeClaim,
    snapshot: &str,
) -> PersistentVolumeClaim {
    let mut metadata = kept_metadata(&original.metadata);
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(ROLLBACK.to_owned(), snapshot.to_owned());
    // It holds other data from now on.
    annotations.remove(labels::FILLED_FROM);
    let mut spec = planned.spec.clone();
    if let (Some(spec), Some(original)) = (&mut spec, &original.spec) {
        spec.volume_attributes_class_name =
            spec.volume_attributes_class_name.take().or_else(|| original.volume_attributes_class_name.clone());
    }
    PersistentVolumeClaim { metadata, spec, status: None }
}

/// The PVC that was there, to be created again on its volume.
pub fn restored(original: &PersistentVolumeClaim) -> PersistentVolumeClaim {
    // The mark of an earlier rollback stays: without it that one could not be undone any more.
    let metadata = kept_metadata(&original.metadata);
    let mut spec = original.spec.clone();
    if let Some(spec) = &mut spec {
        // The volume has its data: where they once came from may be gone by now.
        spec.data_source = None;
        spec.data_source_ref = None;
    }
    PersistentVolumeClaim { metadata, spec, status: None }
}

fn kept_metadata(metadata: &ObjectMeta) -> ObjectMeta {
    let annotations: BTreeMap<_, _> = metadata
        .annotations
        .iter()
        .flatten()
        .filter(|(key, _)| !OF_BINDING.iter().any(|prefix| key.starts_with(prefix)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    ObjectMeta {
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        labels: metadata.labels.clone(),
        owner_references: metadata.owner_references.clone(),
        annotations: (!annotations.is_empty()).then_some(annotations),
        ..ObjectMeta::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_wrote_is_kept_and_what_controllers_wrote_is_not() {
        let original: PersistentVolumeClaim = serde_json::from_value(json!({
            "metadata": {"name": "data", "namespace": "shop", "uid": "u", "resourceVersion": "7", "labels": {"app": "web"},
                "annotations": {"note": "mine", "kubectl-backup.dev/filled-from": "VolumeSnapshot/lab/s/u", "pv.kubernetes.io/bind-completed": "yes", "volume.kubernetes.io/selected-node": "n"},
                "finalizers": ["kubernetes.io/pvc-protection"],
                "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "Database", "name": "db", "uid": "d"}]},
            "spec": {"volumeName": "pv-old", "storageClassName": "block", "volumeAttributesClassName": "fast", "dataSource": {"kind": "VolumeSnapshot", "name": "first"}},
            "status": {"phase": "Bound"},
        }))
        .unwrap();
        let planned: PersistentVolumeClaim = serde_json::from_value(json!({
            "metadata": {"name": "data"}, "spec": {"storageClassName": "block", "dataSource": {"kind": "VolumeSnapshot", "name": "snap"}},
        }))
        .unwrap();
        let text = |claim: &PersistentVolumeClaim| serde_json::to_string(claim).unwrap();
        insta::assert_snapshot!(text(&replacement(&planned, &original, "snap")), @r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"annotations":{"kubectl-backup.dev/rollback":"snap","note":"mine"},"labels":{"app":"web"},"name":"data","namespace":"shop","ownerReferences":[{"apiVersion":"example.com/v1","kind":"Database","name":"db","uid":"d"}]},"spec":{"dataSource":{"kind":"VolumeSnapshot","name":"snap"},"storageClassName":"block","volumeAttributesClassName":"fast"}}"#);
        insta::assert_snapshot!(text(&restored(&original)), @r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"annotations":{"kubectl-backup.dev/filled-from":"VolumeSnapshot/lab/s/u","note":"mine"},"labels":{"app":"web"},"name":"data","namespace":"shop","ownerReferences":[{"apiVersion":"example.com/v1","kind":"Database","name":"db","uid":"d"}]},"spec":{"storageClassName":"block","volumeAttributesClassName":"fast","volumeName":"pv-old"}}"#);
    }
}
