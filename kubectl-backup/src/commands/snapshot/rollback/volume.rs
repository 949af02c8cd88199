//! Changes a volume that a rollback keeps. Its controllers write to it too: a change that somebody else came before is
//! decided again on what is there now.

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    client::{Cluster, FIELD_MANAGER},
    error::{CliError, Doing as _, Result},
    facts,
    plan::rollback::kept::{KEPT_FOR, OWN_RECLAIM_POLICY, UNDO, has_to_say_undo, own_reclaim_policy, require_of},
};

/// So often a change is decided again.
const TRIES: usize = 8;

/// Keeps the volume whatever becomes of its PVC, and notes on it for which PVC and what its own reclaim policy is.
///
/// # Errors
/// When it is gone or another PVC's, or the server refuses or cannot be asked.
pub async fn keep(cluster: &Cluster, volume: &str, claim: &str) -> Result<()> {
    let decide = |found: Option<&PersistentVolume>| {
        let found = require(found, volume)?;
        require_of(found, &cluster.namespace, claim)?;
        // It may be kept already: then what it has is not its own.
        let spec = found.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
        let own = own_reclaim_policy(found)?.or(spec).unwrap_or_default();
        Ok(Some(Change {
            annotations: json!({KEPT_FOR: format!("{}/{claim}", cluster.namespace), OWN_RECLAIM_POLICY: own}),
            spec: json!({"persistentVolumeReclaimPolicy": "Retain"}),
        }))
    };
    change(cluster, volume, decide).await
}

/// Gives the volume its own reclaim policy again.
///
/// # Errors
/// When it is gone or another PVC's, or the server refuses or cannot be asked.
pub async fn give_back(cluster: &Cluster, volume: &str, claim: &str) -> Result<()> {
    let decide = |found: Option<&PersistentVolume>| own_again(require(found, volume)?, &cluster.namespace, claim);
    change(cluster, volume, decide).await
}

/// Lets a volume go that was read before it was judged whether it may: gives it its own reclaim policy again. Returns
/// whether it did; else it has changed since, and all is to be judged again.
///
/// # Errors
/// When it is another PVC's, or the server refuses or cannot be asked.
pub async fn let_go(cluster: &Cluster, judged: &PersistentVolume, claim: &str) -> Result<bool> {
    let Some(change) = own_again(judged, &cluster.namespace, claim)? else { return Ok(true) };
    match merge(cluster, judged, change).await {
        Err(error) if matches!(error.code, Some(404 | 409)) => Ok(false),
        done => done.map(|()| true),
    }
}

fn own_again(found: &PersistentVolume, namespace: &str, claim: &str) -> Result<Option<Change>> {
    require_of(found, namespace, claim)?;
    // It had Retain of its own, or has its policy again: nothing was changed, or nothing is left to change.
    Ok(own_reclaim_policy(found)?.map(|policy| Change {
        annotations: json!({KEPT_FOR: null, OWN_RECLAIM_POLICY: null, UNDO: null}),
        spec: json!({"persistentVolumeReclaimPolicy": policy}),
    }))
}

/// Says on a kept volume that an undo needs it, once that is written down: a run that was about to let it go is refused.
///
/// # Errors
/// When it is another PVC's, or the server refuses or cannot be asked.
pub async fn say_undo(cluster: &Cluster, volume: &str, claim: &str, snapshot: &str) -> Result<()> {
    let decide = |found: Option<&PersistentVolume>| {
        let Some(found) = found else { return Ok(None) };
        require_of(found, &cluster.namespace, claim)?;
        Ok(has_to_say_undo(found)?.then(|| Change { annotations: json!({UNDO: snapshot}), spec: json!({}) }))
    };
    change(cluster, volume, decide).await
}

/// Makes the volume wait for a PVC of the same name: without that it belongs to the PVC with that uid, which is gone.
///
/// # Errors
/// When it is another PVC's, or the server refuses or cannot be asked.
pub async fn free(cluster: &Cluster, volume: &str, claim: &str, uid: &str) -> Result<()> {
    let decide = |found: Option<&PersistentVolume>| {
        let Some(found) = found else { return Ok(None) };
        if found.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()?.uid.as_deref()) != Some(uid) {
            return Ok(None);
        }
        require_of(found, &cluster.namespace, claim)?;
        Ok(Some(Change { annotations: json!({}), spec: json!({"claimRef": {"uid": null, "resourceVersion": null}}) }))
    };
    change(cluster, volume, decide).await
}

/// What is merged into a volume.
struct Change {
    annotations: Value,
    spec: Value,
}

fn require<'a>(found: Option<&'a PersistentVolume>, volume: &str) -> Result<&'a PersistentVolume> {
    found.ok_or_else(|| CliError::new(format!("volume {volume:?} does not exist any more")))
}

/// Reads the volume and changes it as `decide` says of what was read, and only that.
async fn change(
    cluster: &Cluster,
    volume: &str,
    decide: impl Fn(Option<&PersistentVolume>) -> Result<Option<Change>>,
) -> Result<()> {
    for left in (0..TRIES).rev() {
        let found = facts::rollback::volume(cluster, volume).await?;
        let Some(change) = decide(found.as_ref())? else { return Ok(()) };
        match merge(cluster, require(found.as_ref(), volume)?, change).await {
            // Changed or gone since it was read.
            Err(error) if matches!(error.code, Some(404 | 409)) && left > 0 => {}
            done => return done,
        }
    }
    Ok(())
}

/// A name says less than the very state that was judged.
async fn merge(cluster: &Cluster, judged: &PersistentVolume, change: Change) -> Result<()> {
    let api: Api<PersistentVolume> = Api::all(cluster.client.clone());
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let volume = judged.metadata.name.as_deref().unwrap_or_default();
    let patch = json!({
        "metadata": {"annotations": change.annotations, "resourceVersion": judged.metadata.resource_version},
        "spec": change.spec,
    });
    api.patch(volume, &params, &Patch::Merge(patch)).await.map(drop).doing(|| format!("change volume {volume:?}"))
}
