//! Whether a PVC that a run made may be removed again when the run fails.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};

use super::{claim::is_bound, snapshot::app::mounted};

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
    fn where_pods_may_not_be_listed_only_what_has_no_data_goes() {
        assert_eq!(keeps(&claim("Bound"), None).unwrap(), "it has its data, and whether a pod uses it may not be read");
    }
}
