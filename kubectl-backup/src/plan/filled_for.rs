//! Whether a PVC's volume was made for it. The controllers bind a PVC to any volume that fits and is free, also when the
//! PVC names a snapshot or another PVC that it is to be filled from: it has other data then.

use k8s_openapi::{
    api::core::v1::{PersistentVolume, PersistentVolumeClaim},
    jiff::SignedDuration,
};

/// Annotation of a volume: the driver that made it for a PVC.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// Annotation of a volume that was free when the controllers chose it for its PVC.
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Annotations of a PVC: the driver that is asked to make a volume for it. The first is today's.
const ASKED: [&str; 2] = ["volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"];
/// Clocks of several API servers may differ by so much.
const CLOCKS: SignedDuration = SignedDuration::from_secs(5);

/// Returns why the volume holds other data than the PVC asked for; `None` when it was made for it.
pub fn other_data(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> Option<String> {
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    let has = |key: &str| volume.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(key));
    let owner = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()?.uid.as_deref());
    let [made, asked] = [&volume.metadata, &claim.metadata].map(|it| it.creation_timestamp.as_ref().map(|it| it.0));
    let is_older = made.zip(asked).is_some_and(|(made, asked)| made + CLOCKS < asked);
    if claim.metadata.uid.as_deref() != owner {
        return Some(format!("volume {name:?} belongs to another PVC"));
    }
    (is_to_be_filled(claim) && (!has(PROVISIONED_BY) || has(BOUND_BY_CONTROLLER) || is_older))
        .then(|| there_before(name))
}

/// Whether the PVC names what it is to be filled from. One that does not is on a volume of before for a reason: an undo put it
/// back there.
fn is_to_be_filled(claim: &PersistentVolumeClaim) -> bool {
    claim.spec.as_ref().is_some_and(|spec| spec.data_source.is_some() || spec.data_source_ref.is_some())
}

/// The same where the volume may not be read: no driver was ever asked to make one.
pub fn never_asked_for(claim: &PersistentVolumeClaim) -> Option<String> {
    let annotations = claim.metadata.annotations.as_ref();
    let asked = ASKED.iter().any(|key| annotations.is_some_and(|all| all.contains_key(*key)));
    let name = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or_default();
    (!asked).then(|| there_before(name))
}

fn there_before(volume: &str) -> String {
    format!(
        "it was bound to volume {volume:?}, which was there before and has other data than those it is to be filled with"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(uid: &str, made: &str, annotations: &Value) -> Option<String> {
        said_of(&json!({"dataSource": {"kind": "VolumeSnapshot", "name": "good"}}), uid, made, annotations)
    }

    fn said_of(spec: &Value, uid: &str, made: &str, annotations: &Value) -> Option<String> {
        let metadata = json!({"name": "data", "uid": "u", "creationTimestamp": "2026-11-21T10:00:00Z"});
        let claim = json!({"metadata": metadata, "spec": spec});
        let volume = json!({"metadata": {"name": "pv-1", "creationTimestamp": made, "annotations": annotations},
            "spec": {"claimRef": {"name": "data", "uid": uid}}});
        other_data(&serde_json::from_value(claim).unwrap(), &serde_json::from_value(volume).unwrap())
    }

    #[test]
    fn only_a_volume_that_was_made_for_the_pvc_has_its_data() {
        let provisioned = json!({PROVISIONED_BY: "csi.test"});
        assert_eq!(said("u", "2026-11-21T10:00:01Z", &provisioned), None);
        assert_eq!(said("u", "2026-11-21T09:59:59Z", &provisioned), None, "of another clock");
        insta::assert_snapshot!(said("u", "2026-11-20T10:00:00Z", &provisioned).unwrap(), @r#"it was bound to volume "pv-1", which was there before and has other data than those it is to be filled with"#);
        insta::assert_snapshot!(said("v", "2026-11-21T10:00:01Z", &provisioned).unwrap(), @r#"volume "pv-1" belongs to another PVC"#);
        assert!(said("u", "2026-11-21T10:00:01Z", &json!({})).is_some(), "made by hand");
        let seen = |annotations: &Value| {
            let claim =
                json!({"metadata": {"name": "data", "annotations": annotations}, "spec": {"volumeName": "pv-1"}});
            never_asked_for(&serde_json::from_value(claim).unwrap())
        };
        assert_eq!(seen(&json!({"volume.kubernetes.io/storage-provisioner": "csi.test"})), None);
        assert!(seen(&json!({"pv.kubernetes.io/bind-completed": "yes"})).is_some());
        let chosen = json!({PROVISIONED_BY: "csi.test", BOUND_BY_CONTROLLER: "yes"});
        assert!(said("u", "2026-11-21T10:00:01Z", &chosen).is_some(), "it was free");
    }

    #[test]
    fn a_pvc_that_an_undo_put_back_on_its_volume_has_its_data() {
        let older = "2026-11-20T10:00:00Z";
        assert_eq!(said_of(&json!({"volumeName": "pv-1"}), "u", older, &json!({PROVISIONED_BY: "csi.test"})), None);
        assert_eq!(said_of(&json!({"volumeName": "pv-1"}), "u", older, &json!({BOUND_BY_CONTROLLER: "yes"})), None);
        assert!(said_of(&json!({}), "v", older, &json!({})).is_some(), "it belongs to another PVC");
        let by_reference = json!({"dataSourceRef": {"kind": "VolumeSnapshot", "name": "good"}});
        assert!(said_of(&by_reference, "u", older, &json!({PROVISIONED_BY: "csi.test"})).is_some());
    }
}
