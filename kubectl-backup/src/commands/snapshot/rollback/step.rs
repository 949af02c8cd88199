//! Takes one step of a rollback. What a step needs to be safe is a precondition of its request.

use std::{collections::BTreeMap, time::Duration};

use backup_api::{labels, snapshot::VolumeSnapshot};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{PersistentVolume, PersistentVolumeClaim},
};
use kube::{
    Api, Resource as _,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::{Value, json};

use super::{claim, waits};
use crate::{
    apply::{one_snapshot, ready::until_ready},
    args::DryRun,
    client::{self, Cluster, FIELD_MANAGER},
    context::Context,
    error::{CliError, Doing as _, Result},
    facts,
    plan::{
        refusal,
        rollback::{
            Journal, Step, Workload, WorkloadKind,
            kept::{KEPT_FOR, OWN_RECLAIM_POLICY, own_reclaim_policy, require_of},
        },
    },
};

/// Takes a step and says so.
pub async fn take(
    context: &Context,
    cluster: &Cluster,
    journal: &Journal,
    step: &Step,
    timeout: Duration,
) -> Result<()> {
    let claim = journal.claim();
    let say = |text: &str| context.ui.status(&format!("pvc {claim}: {text}"));
    match step {
        Step::TakeSafety => {
            let name = journal.safety.as_deref().unwrap_or_default();
            say(&format!("taking snapshot {name} of the data as they are"));
            take_safety(context, cluster, journal, name, DryRun::None).await
        }
        Step::AwaitSafety => {
            let name = journal.safety.as_deref().unwrap_or_default();
            until_ready(context, cluster, name, timeout).await.map(drop)
        }
        Step::Keep(volume) => {
            say(&format!("keeping volume {volume}"));
            keep(cluster, volume, claim).await
        }
        Step::Scale(workload, replicas) => {
            say(&format!("scaling {workload} to {replicas}"));
            scale(cluster, workload, *replicas).await
        }
        Step::AwaitPodGone(pod) => waits::pod_gone(context, cluster, pod, timeout).await,
        Step::AwaitDetached => waits::detached(context, cluster, journal, timeout).await,
        Step::DeleteClaim(uid) => {
            say("deleting the PVC; its volume stays");
            delete(cluster, claim, uid).await
        }
        Step::AwaitClaimGone(uid) => waits::claim_gone(context, cluster, claim, uid, timeout).await,
        Step::Free(volume, uid) => {
            say(&format!("making volume {volume} free for its PVC"));
            free(cluster, volume, claim, uid).await
        }
        Step::CreateReplacement => {
            say("making the PVC from the snapshot");
            claim::create(context, cluster, &journal.replacement).await
        }
        Step::CreateOriginal => {
            say(&format!("making the PVC on volume {}", journal.kept.volume));
            claim::create(context, cluster, &journal.original).await
        }
        Step::AwaitBound => waits::bound(context, cluster, journal, timeout).await,
        Step::GiveBack => {
            say(&format!("giving volume {} its own reclaim policy again", journal.kept.volume));
            give_back(cluster, journal).await
        }
        Step::AwaitReady(workload) => waits::ready(context, cluster, workload, timeout).await,
        Step::Stuck(why) => Err(CliError::new(format!("PVC {claim:?} in namespace {:?}: {why}", cluster.namespace))
            .hint(format!("Look with: kubectl get pvc,pv -n {}", cluster.namespace))),
        Step::Arrived => Ok(()),
    }
}

/// Takes the snapshot of the old data, or tries whether it may be taken.
pub async fn take_safety(
    context: &Context,
    cluster: &Cluster,
    journal: &Journal,
    name: &str,
    dry_run: DryRun,
) -> Result<()> {
    let namespace = &cluster.namespace;
    let mark = BTreeMap::from([(labels::SAFETY.to_owned(), "true".to_owned())]);
    let snapshot = one_snapshot::planned(cluster, journal.claim(), name, &mark).await?;
    let body = as_sent(&snapshot)?;
    let path = VolumeSnapshot::url_path(&(), Some(namespace));
    let doing = format!("create volumesnapshot {name:?} in namespace {namespace:?}");
    match client::create(cluster, &path, &body, dry_run, &doing).await {
        Ok(answer) if dry_run == DryRun::Server && answer.pointer("/spec/volumeSnapshotClassName").is_none() => {
            Err(CliError::new("its class is not known: the VolumeSnapshotClasses may not be listed"))
        }
        Ok(_) => {
            if dry_run == DryRun::None {
                context.ui.status(&format!("volumesnapshot/{name} created"));
            }
            Ok(())
        }
        Err(error) => Err(refusal::explain(facts::snapshots::explain(error), "volumesnapshots", name, namespace)),
    }
}

/// Goes on without the snapshot of the old data: it failed, and would only hold a slot. Returns what is left of it.
pub async fn drop_safety(cluster: &Cluster, journal: &mut Journal) -> Option<String> {
    let name = journal.safety.take()?;
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    match api.delete(&name, &DeleteParams::default()).await.doing(|| format!("delete volumesnapshot {name:?}")) {
        Err(error) if !error.is_not_found() => Some(format!("snapshot {name} stays ({})", error.message)),
        _ => None,
    }
}

/// Gives the volume with the old data its own reclaim policy again.
pub async fn give_back(cluster: &Cluster, journal: &Journal) -> Result<()> {
    let volume = own_volume(cluster, &journal.kept.volume, journal.claim()).await?;
    // It had Retain of its own, or has its policy again: nothing was changed, or nothing is left to change.
    let Some(policy) = own_reclaim_policy(&volume)? else { return Ok(()) };
    let patch = json!({
        "metadata": {"resourceVersion": volume.metadata.resource_version, "annotations": {KEPT_FOR: null, OWN_RECLAIM_POLICY: null}},
        "spec": {"persistentVolumeReclaimPolicy": policy},
    });
    patch_volume(cluster, &journal.kept.volume, patch).await
}

/// Reads a volume that something is to be done to.
async fn own_volume(cluster: &Cluster, volume: &str, claim: &str) -> Result<PersistentVolume> {
    let found = facts::rollback::volume(cluster, volume).await?;
    let found = found.ok_or_else(|| CliError::new(format!("volume {volume:?} does not exist any more")))?;
    require_of(&found, &cluster.namespace, claim)?;
    Ok(found)
}

async fn keep(cluster: &Cluster, volume: &str, claim: &str) -> Result<()> {
    let found = own_volume(cluster, volume, claim).await?;
    // It may be kept already: then what it has is not its own.
    let noted = own_reclaim_policy(&found)?.map(str::to_owned);
    let own = noted.or_else(|| found.spec?.persistent_volume_reclaim_policy).unwrap_or_default();
    let patch = json!({
        "metadata": {"resourceVersion": found.metadata.resource_version, "annotations": {KEPT_FOR: format!("{}/{claim}", cluster.namespace), OWN_RECLAIM_POLICY: own}},
        "spec": {"persistentVolumeReclaimPolicy": "Retain"},
    });
    patch_volume(cluster, volume, patch).await
}

/// A volume whose PVC is gone belongs to it still, by its uid; without the uid it waits for a PVC of the same name.
async fn free(cluster: &Cluster, volume: &str, claim: &str, uid: &str) -> Result<()> {
    let Some(found) = facts::rollback::volume(cluster, volume).await? else { return Ok(()) };
    if found.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()?.uid.as_deref()) != Some(uid) {
        return Ok(());
    }
    require_of(&found, &cluster.namespace, claim)?;
    let patch = json!({
        "metadata": {"resourceVersion": found.metadata.resource_version},
        "spec": {"claimRef": {"uid": null, "resourceVersion": null}},
    });
    patch_volume(cluster, volume, patch).await
}

async fn patch_volume(cluster: &Cluster, volume: &str, patch: Value) -> Result<()> {
    let api: Api<PersistentVolume> = Api::all(cluster.client.clone());
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    api.patch(volume, &params, &Patch::Merge(patch)).await.map(drop).doing(|| format!("change volume {volume:?}"))
}

async fn scale(cluster: &Cluster, workload: &Workload, replicas: i32) -> Result<()> {
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    let (client, namespace) = (cluster.client.clone(), &cluster.namespace);
    let scaled = match workload.kind {
        WorkloadKind::Deployment => {
            Api::<Deployment>::namespaced(client, namespace).patch_scale(&workload.name, &params, &patch).await
        }
        WorkloadKind::StatefulSet => {
            Api::<StatefulSet>::namespaced(client, namespace).patch_scale(&workload.name, &params, &patch).await
        }
    };
    scaled.map(drop).doing(|| format!("scale {workload}"))
}

async fn delete(cluster: &Cluster, claim: &str, uid: &str) -> Result<()> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
        ..DeleteParams::default()
    };
    match api.delete(claim, &params).await.doing(|| format!("delete PVC {claim:?}")) {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

pub(super) fn as_sent(object: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(object).map_err(|error| CliError::new(format!("failed to write an object: {error}")))
}
