//! Takes one step of a rollback. What a step needs to be safe is a precondition of its request.

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::PersistentVolumeClaim,
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::{Value, json};

use super::{claim, safety, volume, waits};
use crate::{
    apply::ready::until_ready,
    client::{Cluster, FIELD_MANAGER},
    context::Context,
    error::{CliError, Doing as _, Result},
    plan::rollback::{Journal, Step, Workload, WorkloadKind},
};

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// What was asked for was done, or is done no more: another look tells.
    Done,
    /// The PVC gets its volume only once a pod uses it.
    BindsLate,
}

/// Takes a step and says so. `is_new` is whether this run made the PVC that takes the place.
pub async fn take(
    context: &Context,
    cluster: &Cluster,
    journal: &Journal,
    step: &Step,
    is_new: bool,
    timeout: Duration,
) -> Result<Taken> {
    let claim = journal.claim();
    let say = |text: &str| context.ui.status(&format!("pvc {claim}: {text}"));
    let done = match step {
        Step::AwaitBound => return waits::bound(context, cluster, journal, is_new, timeout).await,
        Step::TakeSafety => {
            let name = journal.safety.as_deref().unwrap_or_default();
            say(&format!("taking snapshot {name} of the data as they are"));
            safety::take(context, cluster, journal, name).await
        }
        Step::AwaitSafety => {
            let name = journal.safety.as_deref().unwrap_or_default();
            until_ready(context, cluster, name, timeout).await.map(drop)
        }
        Step::Keep(kept) => {
            say(&format!("keeping volume {kept}"));
            volume::keep(cluster, kept, claim).await
        }
        Step::Scale(workload, replicas) => {
            say(&format!("scaling {workload} to {replicas}"));
            scale(cluster, workload, *replicas).await
        }
        Step::AwaitPodGone(pod) => waits::pod_gone(context, cluster, pod, timeout).await,
        Step::AwaitDetached => waits::detached(context, cluster, journal, timeout).await,
        Step::DeleteClaim { uid, version } => {
            say("deleting the PVC; its volume stays");
            if !journal.binds_late {
                waits::decided(cluster, claim, uid).await?;
            }
            delete(cluster, claim, uid, version).await
        }
        Step::AwaitClaimGone(uid) => waits::claim_gone(context, cluster, claim, uid, timeout).await,
        Step::Free(kept, uid) => {
            say(&format!("making volume {kept} free for its PVC"));
            volume::free(cluster, kept, claim, uid).await
        }
        Step::CreateReplacement => {
            say("making the PVC from the snapshot");
            claim::create(context, cluster, &journal.replacement, timeout).await
        }
        Step::CreateOriginal => {
            say(&format!("making the PVC on volume {}", journal.kept.volume));
            claim::create(context, cluster, &journal.original, timeout).await
        }
        Step::GiveBack => {
            say(&format!("giving volume {} its own reclaim policy again", journal.kept.volume));
            volume::give_back(cluster, &journal.kept.volume, claim).await
        }
        Step::AwaitReady(workload) => waits::ready(context, cluster, workload, timeout).await,
        Step::Stuck(why) => Err(CliError::new(format!("PVC {claim:?} in namespace {:?}: {why}", cluster.namespace))
            .hint(format!("Look with: kubectl get pvc,pv -n {}", cluster.namespace))),
        Step::Arrived => Ok(()),
    };
    done.map(|()| Taken::Done)
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
    match scaled.map(drop).doing(|| format!("scale {workload}")) {
        // Somebody deleted it since the last look; what is not there needs nothing.
        Err(error) if error.is_not_found() => Ok(()),
        done => done,
    }
}

async fn delete(cluster: &Cluster, claim: &str, uid: &str, version: &str) -> Result<()> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: Some(version.to_owned()) }),
        ..DeleteParams::default()
    };
    match api.delete(claim, &params).await.doing(|| format!("delete PVC {claim:?}")) {
        Ok(_) => Ok(()),
        // Somebody deleted or changed it, or put another in its place: the next look tells.
        Err(error) if matches!(error.code, Some(404 | 409)) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(super) fn as_sent(object: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(object).map_err(|error| CliError::new(format!("failed to write an object: {error}")))
}
