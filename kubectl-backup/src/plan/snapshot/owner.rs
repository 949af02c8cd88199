//! Snapshots that another controller made and sees to: VolSync, snapscheduler, KubeVirt, a VolumeGroupSnapshot. It deletes
//! them when it does not need them any more.

use backup_api::snapshot::VolumeSnapshot;

use super::member;

/// The object that owns the snapshot, kind and name, if a controller does.
pub fn of(snapshot: &VolumeSnapshot) -> Option<String> {
    let mut owners = snapshot.metadata.owner_references.iter().flatten();
    let controller = owners.find(|owner| owner.controller == Some(true));
    controller
        .map(|owner| format!("{} {}", owner.kind, owner.name))
        .or_else(|| member::group_of(snapshot).map(|group| format!("VolumeGroupSnapshot {group}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn owner(owners: &Value, status: &Value) -> Option<String> {
        let snapshot = json!({"apiVersion": "v1", "kind": "VolumeSnapshot", "spec": {}, "status": status,
            "metadata": {"name": "s", "ownerReferences": owners}});
        of(&serde_json::from_value(snapshot).unwrap())
    }

    #[test]
    fn only_a_controller_owns() {
        let reference = |kind: &str, controller: Value| json!({"apiVersion": "example.com/v1", "kind": kind, "name": "x", "uid": "u", "controller": controller});
        let owners = json!([reference("Team", json!(null)), reference("ReplicationSource", json!(true))]);
        assert_eq!(owner(&owners, &json!({})).unwrap(), "ReplicationSource x");
        for none in [json!(null), json!([]), json!([reference("Team", json!(false))])] {
            assert_eq!(owner(&none, &json!({})), None);
        }
        let member = json!({"volumeGroupSnapshotName": "g"});
        assert_eq!(owner(&json!(null), &member).unwrap(), "VolumeGroupSnapshot g");
    }
}
