//! Why a claim has no volume, in words.

use std::collections::BTreeMap;

use backup_api::claim::storage_class_of;
use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};

use crate::error::{CliError, Result};

/// A storage class binds its volumes when a pod first uses them.
const FIRST_CONSUMER: &str = "WaitForFirstConsumer";

/// Returns whether the class binds a volume only once a pod uses it.
fn binds_late(class: Option<&StorageClass>) -> bool {
    class.is_some_and(|class| class.volume_binding_mode.as_deref() == Some(FIRST_CONSUMER))
}

/// Returns whether a planned claim is bound only once a pod uses it, by the class that it names.
pub fn waits_for_pod(claim: &PersistentVolumeClaim, classes: Option<&[StorageClass]>) -> bool {
    let named = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    binds_late(classes.unwrap_or_default().iter().find(|class| class.metadata.name.as_deref() == named))
}

/// Returns whether the claim has its volume.
pub fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    phase(claim) == "Bound"
}

/// The labels that a copy of the claim gets on request. What Velero wrote on it is about the claim alone.
pub fn kept_labels(claim: &PersistentVolumeClaim) -> BTreeMap<String, String> {
    let labels = claim.metadata.labels.iter().flatten();
    let own = labels.filter(|(key, _)| !key.starts_with("velero.io/"));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The claim's phase; a claim that no controller has seen yet is pending.
pub fn phase(claim: &PersistentVolumeClaim) -> &str {
    claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// Checks that a claim that is to be made is not there.
///
/// # Errors
/// When it is.
pub fn absent(name: &str, namespace: &str, found: Option<&PersistentVolumeClaim>) -> Result<()> {
    if found.is_none() {
        return Ok(());
    }
    Err(CliError::new(format!("PVC {name:?} in namespace {namespace:?} exists already"))
        .hint("No existing PVC is ever touched: choose another name.")
        .hint(format!("See it with: kubectl get pvc {name} -n {namespace}")))
}

/// Checks that the claim has its volume and keeps it.
///
/// # Errors
/// When it does not; the error says why: from the storage class, or the claim's last event.
pub fn check_bound(
    claim: &PersistentVolumeClaim,
    class: Option<&StorageClass>,
    last_event: Option<&str>,
) -> Result<()> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let namespace = claim.metadata.namespace.as_deref().unwrap_or_default();
    let subject = format!("PVC {name:?} in namespace {namespace:?}");
    if claim.metadata.deletion_timestamp.is_some() {
        return Err(CliError::new(format!("{subject} is being deleted: no snapshot can be taken of it any more"))
            .hint(format!("See what still uses it with: kubectl describe pvc {name} -n {namespace}")));
    }
    let look = format!("See more with: kubectl describe pvc {name} -n {namespace}");
    match phase(claim) {
        "Bound" => Ok(()),
        "Lost" => {
            Err(CliError::new(format!("{subject} has lost its volume: the volume that it was bound to is gone"))
                .hint(look))
        }
        phase if binds_late(class) => Err(CliError::new(format!(
            "{subject} is {phase}, not Bound: its storage class {:?} makes the volume when the first pod uses it",
            storage_class_of(claim).unwrap_or_default()
        ))
        .hint("There is nothing to snapshot yet: start a pod that mounts it first.")
        .hint(look)),
        phase => {
            let why = last_event.map_or_else(|| "no event says why".to_owned(), |event| event.trim().to_owned());
            Err(CliError::new(format!("{subject} is {phase}, not Bound: {why}")).hint(look))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(phase: &str, mode: &str, event: Option<&str>) -> String {
        let claim: PersistentVolumeClaim = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"storageClassName": "late"},
            "status": {"phase": phase},
        }))
        .unwrap();
        let class: StorageClass =
            serde_json::from_value(json!({"provisioner": "csi.test", "volumeBindingMode": mode})).unwrap();
        match check_bound(&claim, Some(&class), event) {
            Ok(()) => "bound".into(),
            Err(error) => format!("{} | {}", error.message, error.hints.join(" | ")),
        }
    }

    #[test]
    fn a_claim_without_a_volume_says_why() {
        insta::assert_snapshot!(checked("Bound", "Immediate", None), @"bound");
        insta::assert_snapshot!(checked("Pending", "WaitForFirstConsumer", None), @r#"PVC "web" in namespace "shop" is Pending, not Bound: its storage class "late" makes the volume when the first pod uses it | There is nothing to snapshot yet: start a pod that mounts it first. | See more with: kubectl describe pvc web -n shop"#);
        insta::assert_snapshot!(checked("Pending", "Immediate", Some("ProvisioningFailed: pool full")), @r#"PVC "web" in namespace "shop" is Pending, not Bound: ProvisioningFailed: pool full | See more with: kubectl describe pvc web -n shop"#);
        insta::assert_snapshot!(checked("Pending", "Immediate", None), @r#"PVC "web" in namespace "shop" is Pending, not Bound: no event says why | See more with: kubectl describe pvc web -n shop"#);
        insta::assert_snapshot!(checked("Lost", "Immediate", None), @r#"PVC "web" in namespace "shop" has lost its volume: the volume that it was bound to is gone | See more with: kubectl describe pvc web -n shop"#);
    }
}
