//! Whether a PVC that a run made may be removed again when the run fails.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};

use super::{claim::is_bound, filled_for::never_asked_for, snapshot::app::mounted};

/// What is told of a PVC whose volume was not made for it.
pub const SPARED: &str = "The PVC stays: with it that volume might be deleted. See whose it is with: kubectl get pv";
/// What whoever removes PVCs by hand should know.
pub const LOOK_FIRST: &str =
    "but no PVC with a volume that was there before, which might be deleted with it: see kubectl get pv";

/// Returns whether the PVC has a volume, or is about to have it: it goes with the PVC, as its reclaim policy says.
pub fn has_volume(claim: &PersistentVolumeClaim) -> bool {
    claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).is_some_and(|name| !name.is_empty())
}

/// Returns whether the controllers have not decided yet: until they ask a driver for a volume, they may bind the PVC to one
/// that was there before.
pub fn is_open(claim: &PersistentVolumeClaim) -> bool {
    !is_bound(claim) && never_asked_for(claim).is_some()
}

/// Returns why the PVC stays, if it does: a pod uses it, or may. One with data that nobody uses can go: where the data came
/// from is still there. `pods` are those of its namespace, if they may be listed.
pub fn keeps(claim: &PersistentVolumeClaim, pods: Option<&[Pod]>) -> Option<String> {
    let Some(pods) = pods else {
        return is_bound(claim).then(|| "it has its data, and whether a pod uses it may not be read".to_owned());
    };
    let users: Vec<&str> = pods
        .iter()
        .filter(|pod| !is_over(pod) && uses(pod, claim))
        .filter_map(|pod| pod.metadata.name.as_deref())
        .collect();
    (!users.is_empty()).then(|| format!("it is used by pod {}", users.join(", ")))
}

/// Returns what is told of the volume of a PVC that is removed again, if it outlives it.
pub fn outlives(volume: &PersistentVolume) -> Option<String> {
    let spec = volume.spec.as_ref()?;
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    let handle = spec.csi.as_ref().map(|csi| format!(", {:?} on the storage,", csi.volume_handle)).unwrap_or_default();
    (spec.persistent_volume_reclaim_policy.as_deref() == Some("Retain")).then(|| {
        format!("Volume {name}{handle} outlives its PVC (reclaim policy Retain). To let it go: {}", let_go(name))
    })
}

/// The command that lets a volume go that outlived its PVC, with what it has on the storage. Deleting the volume itself
/// would leave that there with nobody to know of it.
pub fn let_go(volume: &str) -> String {
    format!("kubectl patch pv {volume} -p '{{\"spec\":{{\"persistentVolumeReclaimPolicy\":\"Delete\"}}}}'")
}

fn is_over(pod: &Pod) -> bool {
    matches!(pod.status.as_ref().and_then(|status| status.phase.as_deref()), Some("Succeeded" | "Failed"))
}

fn uses(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    let own = pod.metadata.name.as_deref().unwrap_or_default();
    let mut claims = volumes.into_iter().flatten().filter_map(|volume| mounted(volume, own));
    claims.any(|name| claim.metadata.name.as_deref() == Some(&name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(phase: &str) -> PersistentVolumeClaim {
        serde_json::from_value(json!({"metadata": {"name": "data"}, "status": {"phase": phase}})).unwrap()
    }

    fn pod(name: &str, phase: &str, claim: &str) -> Pod {
        serde_json::from_value(
            json!({"metadata": {"name": name}, "status": {"phase": phase}, "spec": {"containers": [],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]}}),
        )
        .unwrap()
    }

    #[test]
    fn what_a_pod_uses_stays_whether_it_is_bound_or_not() {
        let pods = [pod("web", "Running", "data"), pod("next", "Pending", "data"), pod("else", "Running", "other")];
        for phase in ["Bound", "Pending"] {
            assert_eq!(keeps(&claim(phase), Some(&pods)).unwrap(), "it is used by pod web, next");
        }
    }

    #[test]
    fn what_nobody_uses_goes() {
        let over = [pod("job", "Succeeded", "data"), pod("job2", "Failed", "data"), pod("else", "Running", "other")];
        assert_eq!(keeps(&claim("Bound"), Some(&over)), None);
        assert_eq!(keeps(&claim("Pending"), None), None);
    }

    #[test]
    fn a_pvc_is_open_until_it_is_bound_or_a_driver_is_asked() {
        let mut asked = claim("Pending");
        assert!(is_open(&asked) && !has_volume(&asked));
        let provisioner = "volume.kubernetes.io/storage-provisioner".to_owned();
        asked.metadata.annotations = Some([(provisioner, "csi.test".to_owned())].into());
        assert!(!is_open(&asked));
        assert!(!is_open(&claim("Bound")));
        // Its volume is named before it is called bound.
        let mut chosen = claim("Pending");
        chosen.spec.get_or_insert_default().volume_name = Some("pv-1".into());
        assert!(is_open(&chosen) && has_volume(&chosen));
    }

    #[test]
    fn a_volume_that_is_retained_is_named() {
        let volume = |policy: &str| -> PersistentVolume {
            serde_json::from_value(
                json!({"metadata": {"name": "pvc-1"}, "spec": {"persistentVolumeReclaimPolicy": policy,
                "csi": {"driver": "d", "volumeHandle": "h-1"}}}),
            )
            .unwrap()
        };
        assert_eq!(outlives(&volume("Delete")), None);
        insta::assert_snapshot!(outlives(&volume("Retain")).unwrap(), @r#"Volume pvc-1, "h-1" on the storage, outlives its PVC (reclaim policy Retain). To let it go: kubectl patch pv pvc-1 -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'"#);
    }

    #[test]
    fn where_pods_may_not_be_listed_only_what_has_no_data_goes() {
        assert_eq!(keeps(&claim("Bound"), None).unwrap(), "it has its data, and whether a pod uses it may not be read");
    }
}
