//! Makes a PVC of a rollback, so that it can be made and stays.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, ResourceQuota},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Resource as _,
    api::{Patch, PatchParams},
    runtime::watcher::{self, Event},
};
use serde_json::{Value, json};

use super::step::as_sent;
use crate::{
    args::DryRun,
    client::{self, Cluster, FIELD_MANAGER, until_any},
    context::Context,
    error::{Doing as _, Result},
    exit::Exit,
    facts,
    plan::{
        refusal, resource_quota,
        rollback::{Journal, is_full, kept::UNDO, kept_owners, let_owners_go, still_full},
    },
};

/// After so long at most the server is asked again, one after the other, then after the longest.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
const LONGEST: Duration = Duration::from_secs(5);

/// Makes it with those of its owners that are there at this moment. One that is there already is no error: another look
/// tells whose it is. A ResourceQuota that is full has that long to see that the former one is gone.
pub async fn create(
    context: &Context,
    cluster: &Cluster,
    claim: &PersistentVolumeClaim,
    timeout: Duration,
) -> Result<()> {
    let mut claim = claim.clone();
    let name = claim.metadata.name.clone().unwrap_or_default();
    let (kept, left_out) = owners(cluster, &claim).await?;
    left_out.iter().for_each(|remark| context.ui.warning(remark));
    claim.metadata.owner_references = (!kept.is_empty()).then_some(kept);
    match post_into_room(context, cluster, &claim, timeout).await {
        // A right about the owners may be missing (OwnerReferencesPermissionEnforcement).
        Err(error) if error.is_forbidden() && !is_full(&error) && let_owners_go(&mut claim) => {
            post_into_room(context, cluster, &claim, timeout).await?;
            context.ui.status(&format!("PVC {name} does not hold up the deletion of its owners any more."));
            Ok(())
        }
        made => made,
    }
}

/// Writes to the original PVC, if it is there still, and leaves it as it was: a deletion that a run going forward has asked
/// for as it saw the PVC, and that is on its way yet, is refused from now on. Whoever may not change PVCs goes on without.
pub async fn touch(cluster: &Cluster, journal: &Journal) -> Result<()> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    for value in [json!("began"), Value::Null] {
        // The uid only guards: the server refuses another's.
        let patch = json!({"metadata": {"uid": journal.kept.claim_uid, "annotations": {UNDO: value}}});
        let name = journal.claim();
        match api.patch(name, &params, &Patch::Merge(patch)).await.doing(|| format!("change PVC {name:?}")) {
            Err(error) if matches!(error.code, Some(403 | 404 | 409 | 422)) => return Ok(()),
            touched => touched.map(drop)?,
        }
    }
    Ok(())
}

/// The owners that it would be made with at this moment, and a remark on each other one.
pub async fn owners(cluster: &Cluster, claim: &PersistentVolumeClaim) -> Result<(Vec<OwnerReference>, Vec<String>)> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let owners = claim.metadata.owner_references.clone().unwrap_or_default();
    let (kept, left_out) = kept_owners(facts::rollback::owners(cluster, owners).await?);
    Ok((kept, left_out.into_iter().map(|why| format!("PVC {name} {why}")).collect()))
}

/// Only the controller of the quotas counts down, some time after an object is gone.
async fn post_into_room(
    context: &Context,
    cluster: &Cluster,
    claim: &PersistentVolumeClaim,
    timeout: Duration,
) -> Result<()> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let progress = context.ui.progress(&format!("pvc {name}"));
    let (started, mut pauses) = (Instant::now(), PAUSES.into_iter());
    loop {
        match post(cluster, name, claim).await {
            Err(error) if is_full(&error) => {
                let left = timeout.saturating_sub(started.elapsed());
                if left.is_zero() && !timeout.is_zero() {
                    return Err(still_full(error, &cluster.namespace).exit(Exit::Timeout));
                }
                progress.say("waiting until a ResourceQuota has room for it");
                let pause = pauses.next().unwrap_or(LONGEST);
                room(cluster, claim, if timeout.is_zero() { pause } else { pause.min(left) }).await;
            }
            posted => return posted,
        }
    }
}

/// Waits until the quotas seem to have room, but not longer than that: the server that admits may see them otherwise.
async fn room(cluster: &Cluster, claim: &PersistentVolumeClaim, pause: Duration) {
    let namespace = &cluster.namespace;
    let api: Api<ResourceQuota> = Api::namespaced(cluster.client.clone(), namespace);
    let (mut quotas, mut is_listed) = (BTreeMap::new(), false);
    let has_room = |event: Event<ResourceQuota>| {
        match event {
            Event::Init => quotas.clear(),
            Event::InitDone => is_listed = true,
            Event::InitApply(quota) | Event::Apply(quota) => {
                quotas.insert(quota.metadata.name.clone(), quota);
            }
            Event::Delete(quota) => {
                quotas.remove(&quota.metadata.name);
            }
        }
        let quotas: Vec<_> = quotas.values().cloned().collect();
        Ok((is_listed && resource_quota::room(namespace, &quotas, std::slice::from_ref(claim), 0).is_ok())
            .then_some(()))
    };
    let asked = Instant::now();
    let doing = format!("watch resourcequotas in namespace {namespace:?}");
    let has_room = until_any(api, watcher::Config::default(), pause, &doing, has_room).await;
    // Who may not watch them tries again; so does whom the server refuses although there seems to be room.
    let rest = if has_room.is_ok() { pause / 4 } else { pause };
    tokio::time::sleep(rest.saturating_sub(asked.elapsed())).await;
}

async fn post(cluster: &Cluster, name: &str, claim: &PersistentVolumeClaim) -> Result<()> {
    let namespace = &cluster.namespace;
    let path = PersistentVolumeClaim::url_path(&(), Some(namespace));
    let doing = format!("create PVC {name:?} in namespace {namespace:?}");
    match client::create(cluster, &path, &as_sent(claim)?, DryRun::None, &doing).await {
        Err(error) if is_full(&error) => Err(error),
        Err(error) if error.reason.as_deref() != Some("AlreadyExists") => {
            Err(refusal::explain(error, "persistentvolumeclaims", name, namespace))
        }
        _ => Ok(()),
    }
}
