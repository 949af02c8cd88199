//! Whether a namespace's ResourceQuotas have room for new PVCs and snapshots, and for how many. The server decides on each object by itself,
//! and would refuse the last of several after the others were made.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, ResourceQuota};

use crate::{
    error::{CliError, Result},
    plan::quantity::Quantity,
};

/// Checks that all of them fit.
///
/// # Errors
/// When they do not; every limit that would be passed is named.
pub fn room(
    namespace: &str,
    quotas: &[ResourceQuota],
    claims: &[PersistentVolumeClaim],
    snapshots: usize,
) -> Result<()> {
    let passed = passed(quotas, claims, snapshots);
    if passed.is_empty() {
        return Ok(());
    }
    let what = match (claims, snapshots) {
        ([], 1) => "a snapshot".to_owned(),
        ([], _) => format!("{snapshots} snapshots"),
        ([claim], _) => format!("PVC {:?}", claim.metadata.name.as_deref().unwrap_or_default()),
        _ => format!("{} PVCs", claims.len()),
    };
    Err(CliError::new(format!("namespace {namespace:?} has no room for {what}: {}", passed.join("; ")))
        .hint("Nothing was made.")
        .hint(look(namespace)))
}

/// How many of the wanted snapshots fit. `partial` is whether a part will do.
///
/// # Errors
/// When none does, or not all do and a part will not do.
pub fn fitting(namespace: &str, quotas: &[ResourceQuota], wanted: usize, partial: bool) -> Result<usize> {
    let free = (0..=wanted).rev().find(|count| passed(quotas, &[], *count).is_empty()).unwrap_or_default();
    if free == wanted || (partial && free > 0) {
        return Ok(free);
    }
    let room = match (free, wanted) {
        (0, 1) => "no room for another snapshot".to_owned(),
        (0, _) => format!("no room for any of the {wanted} snapshots that are asked for"),
        _ => format!("room for {free} of the {wanted} snapshots that are asked for"),
    };
    let limits = passed(quotas, &[], wanted).join("; ");
    let error = CliError::new(format!("namespace {namespace:?} has {room}: {limits}; nothing was created"));
    let error = error.hint(look(namespace));
    Err(if free > 0 { error.hint("--partial takes as many as fit, and names the rest.") } else { error })
}

fn look(namespace: &str) -> String {
    format!("See the quotas with: kubectl describe resourcequota -n {namespace}")
}

/// Names every limit that the new objects would pass.
fn passed(quotas: &[ResourceQuota], claims: &[PersistentVolumeClaim], snapshots: usize) -> Vec<String> {
    let mut passed = Vec::new();
    for quota in quotas.iter().filter(|quota| is_about_all(quota)) {
        let Some(status) = &quota.status else { continue };
        for (key, hard) in status.hard.iter().flatten() {
            let needed = needed(key, claims, snapshots);
            let used = status.used.as_ref().and_then(|used| used.get(key)).map_or("0", |used| used.0.as_str());
            let (Ok(limit), Ok(taken)) = (hard.0.parse::<Quantity>(), used.parse::<Quantity>()) else { continue };
            if needed > Quantity::ZERO && taken.plus(needed) > limit {
                let name = quota.metadata.name.as_deref().unwrap_or_default();
                passed.push(format!("{key} in resourcequota {name:?} (used {used} of {})", hard.0));
            }
        }
    }
    passed
}

/// Scopes narrow a quota to some pods, or to volumes of an attributes class: that is left to the server.
fn is_about_all(quota: &ResourceQuota) -> bool {
    let spec = quota.spec.as_ref();
    spec.is_none_or(|spec| spec.scope_selector.is_none() && spec.scopes.as_ref().is_none_or(Vec::is_empty))
}

/// What the new objects add to a limited resource.
fn needed(key: &str, claims: &[PersistentVolumeClaim], snapshots: usize) -> Quantity {
    match key {
        "persistentvolumeclaims" | "count/persistentvolumeclaims" => count(claims.len()),
        "requests.storage" => claims.iter().map(size).fold(Quantity::ZERO, Quantity::plus),
        "count/volumesnapshots.snapshot.storage.k8s.io" => count(snapshots),
        _ => {
            let Some((class, resource)) = key.split_once(".storageclass.storage.k8s.io/") else {
                return Quantity::ZERO;
            };
            let of_class = |claim: &&PersistentVolumeClaim| {
                claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref()) == Some(class)
            };
            let claims = claims.iter().filter(of_class);
            match resource {
                "persistentvolumeclaims" => count(claims.count()),
                "requests.storage" => claims.map(size).fold(Quantity::ZERO, Quantity::plus),
                _ => Quantity::ZERO,
            }
        }
    }
}

fn count(number: usize) -> Quantity {
    number.to_string().parse().unwrap_or(Quantity::ZERO)
}

fn size(claim: &PersistentVolumeClaim) -> Quantity {
    let requests = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    requests.and_then(|all| all.get("storage")?.0.parse().ok()).unwrap_or(Quantity::ZERO)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(hard: &Value, used: &Value, spec: &Value) -> String {
        let quota: ResourceQuota = serde_json::from_value(
            json!({"metadata": {"name": "team"}, "spec": spec, "status": {"hard": hard, "used": used}}),
        )
        .unwrap();
        let claim = |name: &str, class: &str, size: &str| -> PersistentVolumeClaim {
            serde_json::from_value(json!({"metadata": {"name": name},
                "spec": {"storageClassName": class, "resources": {"requests": {"storage": size}}}}))
            .unwrap()
        };
        let claims = [claim("a", "fast", "1Gi"), claim("b", "slow", "512Mi")];
        match room("test", &[quota], &claims, 2) {
            Ok(()) => "fits".into(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn the_sum_has_to_fit() {
        let none = json!({});
        for (key, fits, too_little) in [
            ("persistentvolumeclaims", "5", "4"),
            ("count/persistentvolumeclaims", "5", "4"),
            ("requests.storage", "4.5Gi", "4Gi"),
            ("fast.storageclass.storage.k8s.io/requests.storage", "4Gi", "3.9Gi"),
            ("slow.storageclass.storage.k8s.io/persistentvolumeclaims", "4", "3"),
            ("count/volumesnapshots.snapshot.storage.k8s.io", "5", "4"),
        ] {
            let used = if key.ends_with("storage") { "3Gi" } else { "3" };
            assert_eq!(said(&json!({key: fits}), &json!({key: used}), &none), "fits", "{key}");
            assert_ne!(said(&json!({key: too_little}), &json!({key: used}), &none), "fits", "{key}");
        }
        assert_eq!(said(&json!({"pods": "1"}), &json!({"pods": "1"}), &none), "fits");
        let hard = json!({"persistentvolumeclaims": "4", "requests.storage": "1Gi"});
        insta::assert_snapshot!(said(&hard, &json!({"persistentvolumeclaims": "3"}), &none), @r#"namespace "test" has no room for 2 PVCs: persistentvolumeclaims in resourcequota "team" (used 3 of 4); requests.storage in resourcequota "team" (used 0 of 1Gi)"#);
    }

    #[test]
    fn of_several_snapshots_as_many_fit_as_the_tightest_quota_lets_in() {
        let quota = |name: &str, used: &str, hard: &str| -> ResourceQuota {
            let key = "count/volumesnapshots.snapshot.storage.k8s.io";
            serde_json::from_value(
                json!({"metadata": {"name": name}, "status": {"hard": {key: hard}, "used": {key: used}}}),
            )
            .unwrap()
        };
        let said = |quotas: &[ResourceQuota], wanted, partial| match fitting("shop", quotas, wanted, partial) {
            Ok(count) => count.to_string(),
            Err(error) => format!("{} | {}", error.message, error.hints.join(" | ")),
        };
        let (wide, tight, full) = (quota("wide", "5", "10"), quota("tight", "1", "3"), quota("full", "2", "2"));
        assert_eq!(said(&[], 3, false), "3");
        assert_eq!(said(std::slice::from_ref(&wide), 5, false), "5");
        assert_eq!(said(&[wide.clone(), tight.clone()], 3, true), "2");
        insta::assert_snapshot!(said(&[wide, tight], 3, false), @r#"namespace "shop" has room for 2 of the 3 snapshots that are asked for: count/volumesnapshots.snapshot.storage.k8s.io in resourcequota "tight" (used 1 of 3); nothing was created | See the quotas with: kubectl describe resourcequota -n shop | --partial takes as many as fit, and names the rest."#);
        insta::assert_snapshot!(said(std::slice::from_ref(&full), 3, true), @r#"namespace "shop" has no room for any of the 3 snapshots that are asked for: count/volumesnapshots.snapshot.storage.k8s.io in resourcequota "full" (used 2 of 2); nothing was created | See the quotas with: kubectl describe resourcequota -n shop"#);
        insta::assert_snapshot!(said(&[full], 1, false), @r#"namespace "shop" has no room for another snapshot: count/volumesnapshots.snapshot.storage.k8s.io in resourcequota "full" (used 2 of 2); nothing was created | See the quotas with: kubectl describe resourcequota -n shop"#);
    }

    #[test]
    fn a_limit_that_is_full_of_others_does_not_matter() {
        let hard = json!({"other.storageclass.storage.k8s.io/persistentvolumeclaims": "0"});
        assert_eq!(said(&hard, &json!({}), &json!({})), "fits");
        let scoped = json!({"scopes": ["BestEffort"]});
        assert_eq!(said(&json!({"persistentvolumeclaims": "1"}), &json!({}), &scoped), "fits");
    }
}
