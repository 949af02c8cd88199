//! What a volume itself says of whose it is. The journal lies with the snapshot, where whoever may write snapshots can
//! write another volume's name into it; volumes are the cluster administrator's.

use k8s_openapi::api::core::v1::PersistentVolume;

use crate::error::{CliError, Result};

/// Annotation of a volume that a rollback keeps: the PVC that it belonged to, as `namespace/name`.
pub const KEPT_FOR: &str = "kubectl-backup.dev/kept-for";
/// Annotation of a volume that a rollback keeps: its own reclaim policy.
pub const OWN_RECLAIM_POLICY: &str = "kubectl-backup.dev/own-reclaim-policy";

/// Annotation of a volume that a rollback keeps: an undo has begun, which needs it. The write itself matters most: whatever
/// else was about to be done to the volume was judged before it, and is refused.
pub const UNDO: &str = "kubectl-backup.dev/undo";

/// The command that keeps a volume.
pub fn keep_by_hand(volume: &str) -> String {
    format!("kubectl patch pv {volume} -p '{{\"spec\":{{\"persistentVolumeReclaimPolicy\":\"Retain\"}}}}'")
}

/// Whether an undo still has to say on the volume that it needs it. One that is not kept has nothing to be given back.
///
/// # Errors
/// When the note of its own policy is none of Kubernetes' policies.
pub fn has_to_say_undo(volume: &PersistentVolume) -> Result<bool> {
    Ok(own_reclaim_policy(volume)?.is_some() && annotation(volume, UNDO).is_none())
}

/// Checks that a volume is, or was last, that of this PVC.
///
/// # Errors
/// When it is another's: nothing may be done to it.
pub fn require_of(volume: &PersistentVolume, namespace: &str, claim: &str) -> Result<()> {
    let reference = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    let owner = reference.map(|it| [&it.namespace, &it.name].map(|part| part.as_deref().unwrap_or_default()));
    let full = format!("{namespace}/{claim}");
    let kept_for = annotation(volume, KEPT_FOR);
    if owner == Some([namespace, claim]) && kept_for.is_none_or(|kept_for| kept_for == full) {
        return Ok(());
    }
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    Err(CliError::new(format!("volume {name:?} is not that of PVC {claim:?} in namespace {namespace:?}; it was left alone"))
        .hint("The rollback's notes on the snapshot name it all the same. Whoever may write the snapshot can write them: find out who did.")
        .hint(format!("See whose it is with: kubectl get pv {name}")))
}

/// The reclaim policy that a kept volume had of its own; `None` when it is not kept.
///
/// # Errors
/// When the note is none of Kubernetes' policies.
pub fn own_reclaim_policy(volume: &PersistentVolume) -> Result<Option<&str>> {
    match annotation(volume, OWN_RECLAIM_POLICY) {
        None | Some("Retain" | "Delete") => Ok(annotation(volume, OWN_RECLAIM_POLICY)),
        Some(other) => {
            let name = volume.metadata.name.as_deref().unwrap_or_default();
            Err(CliError::new(format!(
                "the annotation {OWN_RECLAIM_POLICY} of volume {name:?} is {other:?}, which is no policy to give back"
            ))
            .hint(format!("Set its policy with: {}", keep_by_hand(name))))
        }
    }
}

fn annotation<'a>(volume: &'a PersistentVolume, key: &str) -> Option<&'a str> {
    volume.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn volume(claim: &str, annotations: &Value) -> PersistentVolume {
        let spec = json!({"claimRef": {"namespace": "shop", "name": claim}});
        serde_json::from_value(json!({"metadata": {"name": "pv-1", "annotations": annotations}, "spec": spec})).unwrap()
    }

    #[test]
    fn a_volume_of_another_is_left_alone() {
        let kept = |of: &str| json!({KEPT_FOR: of});
        assert!(require_of(&volume("data", &json!({})), "shop", "data").is_ok());
        assert!(require_of(&volume("data", &kept("shop/data")), "shop", "data").is_ok());
        for (claim, annotations) in [("data", kept("bank/data")), ("other", json!({})), ("other", kept("shop/data"))] {
            assert!(require_of(&volume(claim, &annotations), "shop", "data").is_err(), "{claim} {annotations}");
        }
        assert!(require_of(&volume("data", &json!({})), "bank", "data").is_err());
        assert!(require_of(&PersistentVolume::default(), "shop", "data").is_err());
        let error = require_of(&volume("other", &json!({})), "shop", "data").unwrap_err();
        insta::assert_snapshot!(error.message, @r#"volume "pv-1" is not that of PVC "data" in namespace "shop"; it was left alone"#);
    }

    #[test]
    fn an_undo_says_once_that_it_needs_the_volume() {
        let said = |annotations: Value| has_to_say_undo(&volume("data", &annotations)).unwrap();
        assert!(said(json!({OWN_RECLAIM_POLICY: "Delete"})));
        assert!(!said(json!({OWN_RECLAIM_POLICY: "Delete", UNDO: "good"})));
        assert!(!said(json!({})), "it is not kept");
    }

    #[test]
    fn only_the_volume_says_which_policy_it_had() {
        let policy = |text: &str| volume("data", &json!({OWN_RECLAIM_POLICY: text}));
        assert_eq!(own_reclaim_policy(&policy("Delete")).unwrap(), Some("Delete"));
        assert_eq!(own_reclaim_policy(&volume("data", &json!({}))).unwrap(), None);
        assert!(own_reclaim_policy(&policy("Recycle")).is_err());
    }
}
