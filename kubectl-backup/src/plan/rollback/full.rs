//! Whether ResourceQuotas have room for the PVC that takes the place of another one.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, ResourceQuota};

use crate::{
    error::{CliError, Result},
    plan::quantity::Quantity,
};

/// Checks that the PVC fits in the place of the other one, which goes first: only what it is larger counts.
///
/// # Errors
/// When it does not; every limit that would be passed is named.
pub fn room_to_grow(
    namespace: &str,
    quotas: &[ResourceQuota],
    new: &PersistentVolumeClaim,
    old: &PersistentVolumeClaim,
) -> Result<()> {
    let (Some(larger), Some(smaller)) = (size(new), size(old)) else { return Ok(()) };
    let (Ok(needed), Ok(freed)) = (larger.parse::<Quantity>(), smaller.parse::<Quantity>()) else { return Ok(()) };
    let class = new.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref()).unwrap_or_default();
    let keys = ["requests.storage".to_owned(), format!("{class}.storageclass.storage.k8s.io/requests.storage")];
    let mut passed = Vec::new();
    for quota in quotas.iter().filter(|_| needed > freed) {
        // Scopes narrow a quota to volumes of an attributes class: that is left to the server.
        let is_narrow = quota.spec.as_ref().is_some_and(|spec| spec.scope_selector.is_some() || spec.scopes.is_some());
        let Some(status) = quota.status.as_ref().filter(|_| !is_narrow) else { continue };
        for (key, hard) in status.hard.iter().flatten().filter(|(key, _)| keys.contains(key)) {
            let used = status.used.as_ref().and_then(|used| used.get(key)).map_or("0", |used| used.0.as_str());
            let (Ok(limit), Ok(taken)) = (hard.0.parse::<Quantity>(), used.parse::<Quantity>()) else { continue };
            if taken.plus(needed) > limit.plus(freed) {
                let name = quota.metadata.name.as_deref().unwrap_or_default();
                passed.push(format!("{key} in resourcequota {name:?} (used {used} of {})", hard.0));
            }
        }
    }
    if passed.is_empty() {
        return Ok(());
    }
    Err(still_full(
        CliError::new(format!(
            "namespace {namespace:?} has no room for PVC {:?} with {larger} in the place of {smaller}: {}",
            new.metadata.name.as_deref().unwrap_or_default(),
            passed.join("; ")
        ))
        .hint("Nothing was changed."),
        namespace,
    ))
}

/// Whether a ResourceQuota refuses the PVC. It may fit a moment later: the one that went is counted until the controller of
/// the quotas has seen that it is gone.
pub fn is_full(error: &CliError) -> bool {
    error.is_forbidden() && error.message.contains("exceeded quota:") && !error.message.contains("admission webhook")
}

/// Says where the quotas are to be seen.
pub fn still_full(error: CliError, namespace: &str) -> CliError {
    error.hint(format!("See the quotas with: kubectl describe resourcequota -n {namespace}"))
}

fn size(claim: &PersistentVolumeClaim) -> Option<&str> {
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    requests.get("storage").map(|size| size.0.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_what_the_pvc_is_larger_needs_room() {
        let claim = |size: &str| -> PersistentVolumeClaim {
            serde_json::from_value(json!({"metadata": {"name": "data"},
                "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": size}}}}))
            .unwrap()
        };
        let said = |hard: &Value, spec: &Value, new: &str| {
            let used = json!({"persistentvolumeclaims": "1", "requests.storage": "3Gi",
                "fast.storageclass.storage.k8s.io/requests.storage": "1Gi"});
            let quota = json!({"metadata": {"name": "team"}, "spec": spec, "status": {"hard": hard, "used": used}});
            let quotas = [serde_json::from_value(quota).unwrap()];
            room_to_grow("shop", &quotas, &claim(new), &claim("1Gi"))
                .map_or_else(|error| format!("{} | {}", error.message, error.hints.join(" | ")), |()| "fits".into())
        };
        let (none, of_class) = (json!({}), "fast.storageclass.storage.k8s.io/requests.storage");
        let full = json!({"persistentvolumeclaims": "1", "requests.storage": "3Gi", of_class: "1Gi"});
        assert_eq!(said(&full, &none, "1Gi"), "fits");
        insta::assert_snapshot!(said(&full, &none, "1025Mi"), @r#"namespace "shop" has no room for PVC "data" with 1025Mi in the place of 1Gi: fast.storageclass.storage.k8s.io/requests.storage in resourcequota "team" (used 1Gi of 1Gi); requests.storage in resourcequota "team" (used 3Gi of 3Gi) | Nothing was changed. | See the quotas with: kubectl describe resourcequota -n shop"#);
        assert_eq!(said(&full, &json!({"scopes": ["BestEffort"]}), "1025Mi"), "fits", "left to the server");
        assert_eq!(said(&json!({"requests.storage": "3073Mi", of_class: "1025Mi"}), &none, "1025Mi"), "fits");
        assert_eq!(said(&json!({"slow.storageclass.storage.k8s.io/requests.storage": "0"}), &none, "2Gi"), "fits");
    }

    #[test]
    fn only_a_resource_quota_is_waited_for() {
        let full = |code: u16, message: &str| {
            let mut error = CliError::new(message);
            error.code = Some(code);
            is_full(&error)
        };
        let refused = r#"persistentvolumeclaims "data" is forbidden: exceeded quota: team, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=1, limited: persistentvolumeclaims=1"#;
        assert!(full(403, refused));
        assert!(!full(403, r#"persistentvolumeclaims is forbidden: User "ann" cannot create resource"#));
        assert!(!full(403, "admission webhook \"x\" denied the request: exceeded quota: team"));
        assert!(!full(422, refused));
    }
}
