//! Lets go of a snapshot that a PVC was being filled from which is gone by now.

use backup_api::snapshot::VolumeSnapshot;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
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

/// Takes the provisioner's finalizer off a snapshot once it is known that the PVC is not being filled any more, and none
/// else waits to be. `uid` is that PVC's, when it is known.
///
/// # Errors
/// When the server cannot be asked.
pub async fn release(cluster: &Cluster, snapshot: &str, claim: &str, uid: Option<&str>) -> Result<Hold> {
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let doing = |verb: &str| format!("{verb} volumesnapshot {snapshot:?}");
    let Some(first) = api.get_opt(snapshot).await.doing(|| doing("read"))? else { return Ok(Hold::Free) };
    let look = async || {
        let found = api.get_opt(snapshot).await.doing(|| doing("read"))?;
        let Some(found) = found.filter(|found| found.metadata.uid == first.metadata.uid && is_held(found)) else {
            return Ok(Err(Hold::Free));
        };
        // Each time anew, and last: another PVC may be filled from it by now.
        let claims = facts::claim::all(cluster).await?;
        Ok(judge(&found, claims.as_deref()).map_or(Ok(found), Err))
    };
    if let Err(hold) = look().await? {
        return Ok(hold);
    }
    let Some(uid) = uid else { return Ok(Hold::Held) };
    let object = json!({"apiVersion": VolumeSnapshot::api_version(&()), "kind": VolumeSnapshot::kind(&()),
        "metadata": {"name": snapshot, "namespace": cluster.namespace}});
    let thing = Thing::new(&object, first.metadata.uid.clone(), &format!("volumesnapshot/{snapshot}"), Some(claim));
    if tokio::time::timeout(GOING, until_over(cluster, &thing, uid)).await.is_err() {
        return Ok(look().await?.err().unwrap_or(Hold::Held));
    }
    loop {
        let found = match look().await? {
            Ok(found) => found,
            Err(hold) => return Ok(hold),
        };
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
}

fn is_held(snapshot: &VolumeSnapshot) -> bool {
    snapshot.metadata.finalizers.iter().flatten().any(|it| it == OF_PROVISIONER)
}

/// Returns why the finalizer stays on a snapshot that is held, if it does. `claims` are those of its namespace, if they may be
/// listed.
fn judge(snapshot: &VolumeSnapshot, claims: Option<&[PersistentVolumeClaim]>) -> Option<Hold> {
    match claims {
        None => Some(Hold::Held),
        // The provisioner needs it for that one, and lets go of it by itself.
        Some(claims) => awaited(snapshot, claims).map(|_| Hold::Free),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_another_pvc_is_filled_from_is_not_let_go_of() {
        let snapshot = VolumeSnapshot::new("snap", Default::default());
        let claim = |phase: &str| -> PersistentVolumeClaim {
            let source = json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "snap"});
            let claim = json!({"metadata": {"name": "other", "namespace": "shop"}, "spec": {"dataSource": source}, "status": {"phase": phase}});
            serde_json::from_value(claim).unwrap()
        };
        assert_eq!(judge(&snapshot, Some(&[claim("Pending")])), Some(Hold::Free));
        assert_eq!(judge(&snapshot, Some(&[claim("Bound")])), None);
        assert_eq!(judge(&snapshot, None), Some(Hold::Held));
    }
}
