//! Lets go of a snapshot that a PVC was being filled from which is gone by now.

use backup_api::snapshot::VolumeSnapshot;
use kube::{
    Api, Resource as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{
    going::{OF_PROVISIONER, until_over},
    removal::GOING,
    thing::Thing,
};
use crate::{
    client::{Cluster, FIELD_MANAGER},
    error::{Doing as _, Result},
    facts,
    plan::snapshot::delete::awaited,
};

/// Whether the snapshot can be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nothing holds it, or a PVC that is still to be filled from it.
    Free,
    /// The provisioner may still be filling the PVC that is gone.
    Held,
}

/// Takes the provisioner's finalizer off a snapshot once it is known that the PVC is not being filled any more. `uid` is that
/// PVC's, when it is known.
///
/// # Errors
/// When the server cannot be asked.
pub async fn release(cluster: &Cluster, snapshot: &str, claim: &str, uid: Option<&str>) -> Result<Hold> {
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let doing = |verb: &str| format!("{verb} volumesnapshot {snapshot:?}");
    let held = |found: &VolumeSnapshot| found.metadata.finalizers.iter().flatten().any(|it| it == OF_PROVISIONER);
    let read = || async { api.get_opt(snapshot).await.doing(|| doing("read")) };
    let Some(found) = read().await?.filter(held) else { return Ok(Hold::Free) };
    let claims = facts::claim::all(cluster).await?;
    if awaited(&found, claims.as_deref().unwrap_or_default()).is_some() {
        return Ok(Hold::Free);
    }
    let (Some(uid), Some(_)) = (uid, claims) else { return Ok(Hold::Held) };
    let object = json!({"apiVersion": VolumeSnapshot::api_version(&()), "kind": VolumeSnapshot::kind(&()),
        "metadata": {"name": snapshot, "namespace": cluster.namespace}});
    let thing = Thing::new(&object, found.metadata.uid, &format!("volumesnapshot/{snapshot}"), Some(claim));
    if tokio::time::timeout(GOING, until_over(cluster, &thing, uid)).await.is_err() {
        return Ok(if read().await?.as_ref().is_some_and(held) { Hold::Held } else { Hold::Free });
    }
    while let Some(found) = read().await?.filter(held) {
        let others: Vec<_> =
            found.metadata.finalizers.into_iter().flatten().filter(|it| it != OF_PROVISIONER).collect();
        let patch = json!({"metadata": {"finalizers": others, "resourceVersion": found.metadata.resource_version}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch_metadata(snapshot, &params, &Patch::Merge(patch)).await.doing(|| doing("let go of")) {
            // Somebody else was faster: look again.
            Err(error) if !matches!(error.code, Some(404 | 409)) => return Err(error),
            _ => {}
        }
    }
    Ok(Hold::Free)
}
