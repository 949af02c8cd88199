//! Snapshots that a VolumeGroupSnapshot took. The snapshot-controller deletes them with their group only; one whose deletion
//! was asked for by itself is refused by it, and stays marked as being deleted for good.

use backup_api::snapshot::VolumeSnapshot;

use crate::error::CliError;

/// The VolumeGroupSnapshot that the snapshot belongs to.
pub fn group_of(snapshot: &VolumeSnapshot) -> Option<&str> {
    let told = snapshot.status.as_ref().and_then(|status| status.volume_group_snapshot_name.as_deref());
    let owners = snapshot.metadata.owner_references.iter().flatten();
    let mut owning = owners.filter(|owner| {
        owner.kind == "VolumeGroupSnapshot" && owner.api_version.starts_with("groupsnapshot.storage.k8s.io/")
    });
    told.filter(|name| !name.is_empty()).or_else(|| owning.next().map(|owner| owner.name.as_str()))
}

/// Why it cannot be deleted by itself.
pub fn refusal(snapshot: &VolumeSnapshot) -> Option<CliError> {
    let group = group_of(snapshot)?;
    let [name, namespace] =
        [&snapshot.metadata.name, &snapshot.metadata.namespace].map(|part| part.as_deref().unwrap_or_default());
    let error = CliError::new(format!(
        "VolumeSnapshot {name:?} belongs to VolumeGroupSnapshot {group:?} and cannot be deleted by itself"
    ));
    Some(
        error.hint(format!(
            "All of the group are deleted with: kubectl delete volumegroupsnapshot {group} -n {namespace}"
        )),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(metadata: &Value, status: &Value) -> Option<String> {
        let mut snapshot = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": {},
            "metadata": {"name": "s", "namespace": "shop"}, "status": status});
        snapshot["metadata"]["ownerReferences"] = metadata.clone();
        let error = refusal(&serde_json::from_value(snapshot).unwrap())?;
        Some(format!("{} | {}", error.message, error.hints.join(" | ")))
    }

    #[test]
    fn a_member_is_known_by_its_status_or_its_owner() {
        let owner = |kind: &str, version: &str| json!([{"kind": kind, "apiVersion": version, "name": "g", "uid": "u"}]);
        let group = "groupsnapshot.storage.k8s.io/v1beta1";
        insta::assert_snapshot!(said(&json!(null), &json!({"volumeGroupSnapshotName": "g"})).unwrap(), @r#"VolumeSnapshot "s" belongs to VolumeGroupSnapshot "g" and cannot be deleted by itself | All of the group are deleted with: kubectl delete volumegroupsnapshot g -n shop"#);
        assert_eq!(
            said(&owner("VolumeGroupSnapshot", group), &json!({})),
            said(&json!(null), &json!({"volumeGroupSnapshotName": "g"}))
        );
        for (metadata, status) in [
            (json!(null), json!({"readyToUse": true})),
            (json!(null), json!({"volumeGroupSnapshotName": ""})),
            (owner("VolumeGroupSnapshot", "example.com/v1"), json!({})),
            (owner("Backup", "velero.io/v1"), json!({})),
        ] {
            assert_eq!(said(&metadata, &status), None, "{metadata} {status}");
        }
    }
}
