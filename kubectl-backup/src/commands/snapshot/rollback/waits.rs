//! The waits between the steps of a rollback: by watches, each for as long as the user allows.

use std::{fmt::Debug, time::Duration};

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{PersistentVolumeClaim, Pod},
    storage::v1::VolumeAttachment,
};
use kube::{Api, api::ListParams};
use serde::de::DeserializeOwned;

use super::step::Taken;
use crate::{
    apply::bound::{End, filled_later, timed_out, until_bound},
    client::{Cluster, until},
    context::Context,
    error::{CliError, Doing as _, Result},
    facts::{events::At, rollback::readiness},
    plan::{
        claim::is_bound,
        rollback::{Direction, Journal, Workload, WorkloadKind},
        undo::is_open,
    },
};

/// How long the controllers may take to decide about a PVC.
const DECIDING: Duration = Duration::from_secs(10);

/// Waits until a pod is gone.
pub async fn pod_gone(context: &Context, cluster: &Cluster, pod: &str, timeout: Duration) -> Result<()> {
    let progress = context.ui.progress(&format!("pod {pod}"));
    progress.say("waiting until it is gone");
    let gone = met(namespaced(cluster), pod, timeout, "pod", |found: Option<Pod>| found.is_none());
    gone.await?.ok_or_else(|| {
        CliError::timeout(format!("pod {pod:?} still uses the PVC after {timeout:?}"))
            .hint(format!("See why with: kubectl describe pod {pod} -n {}", cluster.namespace))
    })
}

/// Waits until the PVC's volume is attached to no node.
pub async fn detached(context: &Context, cluster: &Cluster, journal: &Journal, timeout: Duration) -> Result<()> {
    let progress = context.ui.progress(&format!("pvc {}", journal.claim()));
    progress.say("waiting until its volume is detached");
    let Some(claim) = read(cluster, journal.claim()).await? else { return Ok(()) };
    let volume = claim.spec.and_then(|spec| spec.volume_name).unwrap_or_default();
    let api: Api<VolumeAttachment> = Api::all(cluster.client.clone());
    let attached = api.list(&ListParams::default()).await.doing(|| "list volumeattachments".to_owned())?;
    let of_volume = |it: &VolumeAttachment| it.spec.source.persistent_volume_name.as_deref() == Some(&volume);
    let Some(name) = attached.items.into_iter().find(of_volume).and_then(|it| it.metadata.name) else { return Ok(()) };
    let gone = met(api, &name, timeout, "volumeattachment", |found: Option<VolumeAttachment>| found.is_none());
    gone.await?.ok_or_else(|| {
        CliError::timeout(format!("volume {volume:?} is still attached after {timeout:?}"))
            .hint(format!("See why with: kubectl describe volumeattachment {name}"))
    })
}

/// Waits until the controllers have decided where a PVC without a volume gets one from, but not for long: one that was just
/// made may be about to be bound to a volume that was there before, which would be deleted with it.
pub async fn decided(cluster: &Cluster, claim: &str, uid: &str) -> Result<()> {
    let decided = |found: Option<PersistentVolumeClaim>| {
        found.is_none_or(|found| found.metadata.uid.as_deref() != Some(uid) || !is_open(&found))
    };
    met(namespaced(cluster), claim, DECIDING, "PVC", decided).await.map(drop)
}

/// Waits until the PVC with that uid is gone.
pub async fn claim_gone(context: &Context, cluster: &Cluster, claim: &str, uid: &str, timeout: Duration) -> Result<()> {
    let progress = context.ui.progress(&format!("pvc {claim}"));
    progress.say("waiting until it is gone");
    let gone = met(namespaced(cluster), claim, timeout, "PVC", |found: Option<PersistentVolumeClaim>| {
        found.is_none_or(|found| found.metadata.uid.as_deref() != Some(uid))
    });
    gone.await?.ok_or_else(|| {
        CliError::timeout(format!("PVC {claim:?} is still being deleted after {timeout:?}"))
            .hint(format!("See what uses it with: kubectl describe pvc {claim} -n {}", cluster.namespace))
    })
}

/// Waits until the PVC has its volume. `is_new` is whether this run made it.
pub async fn bound(
    context: &Context,
    cluster: &Cluster,
    journal: &Journal,
    is_new: bool,
    timeout: Duration,
) -> Result<Taken> {
    let claim = journal.claim();
    if journal.direction == Direction::Forward {
        let Some(found) = read(cluster, claim).await? else { return Ok(Taken::Done) };
        let uid = found.metadata.uid.as_deref();
        let from = if is_new { At::Before } else { At::Since };
        return match until_bound(context, cluster, (claim, uid), from, timeout).await? {
            End::Bound => Ok(Taken::Done),
            // It may just have been tried again.
            End::Failed(_) if read(cluster, claim).await?.is_none_or(|found| is_bound(&found)) => Ok(Taken::Done),
            End::FirstConsumer => {
                context.ui.status(&filled_later(claim));
                Ok(Taken::BindsLate)
            }
            End::Failed(message) => Err(CliError::new(format!(
                "PVC {claim:?} in namespace {:?} cannot be filled: {message}",
                cluster.namespace
            ))
            .hint(format!(
                "The driver may try again. Look with: kubectl describe pvc {claim} -n {}",
                cluster.namespace
            ))),
            End::TimedOut => Err(timed_out(claim, &cluster.namespace, timeout)),
        };
    }
    let progress = context.ui.progress(&format!("pvc {claim}"));
    progress.say("waiting until it has its volume again");
    let bound = met(namespaced(cluster), claim, timeout, "PVC", |found: Option<PersistentVolumeClaim>| {
        found.is_none_or(|found| is_bound(&found))
    });
    bound.await?.map(|()| Taken::Done).ok_or_else(|| {
        CliError::timeout(format!("PVC {claim:?} is not bound to volume {} after {timeout:?}", journal.kept.volume))
            .hint(format!("See why with: kubectl describe pvc {claim} -n {}", cluster.namespace))
    })
}

/// Waits until a workload's pods are ready. One that is gone needs nothing more.
pub async fn ready(context: &Context, cluster: &Cluster, workload: &Workload, timeout: Duration) -> Result<()> {
    let progress = context.ui.progress(&workload.to_string());
    progress.say("waiting until its pods are ready");
    let (name, namespace) = (&workload.name, &cluster.namespace);
    let ready = match workload.kind {
        WorkloadKind::Deployment => {
            let ready = |found: Option<Deployment>| found.is_none_or(|it| readiness::deployment(&it).1);
            met(namespaced(cluster), name, timeout, "deployment", ready).await?
        }
        WorkloadKind::StatefulSet => {
            let ready = |found: Option<StatefulSet>| found.is_none_or(|it| readiness::stateful_set(&it).1);
            met(namespaced(cluster), name, timeout, "statefulset", ready).await?
        }
    };
    ready.ok_or_else(|| {
        CliError::timeout(format!("the pods of {workload} are not ready after {timeout:?}"))
            .hint(format!("See why with: kubectl get pods -n {namespace}; kubectl describe {workload} -n {namespace}"))
    })
}

/// The PVC, which somebody else may have deleted since the last look: the next one tells what that means.
async fn read(cluster: &Cluster, claim: &str) -> Result<Option<PersistentVolumeClaim>> {
    namespaced(cluster).get_opt(claim).await.doing(|| format!("read PVC {claim:?}"))
}

fn namespaced<K>(cluster: &Cluster) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
{
    Api::namespaced(cluster.client.clone(), &cluster.namespace)
}

/// Watches an object until the condition holds; `None` when time is up first.
async fn met<K>(
    api: Api<K>,
    name: &str,
    timeout: Duration,
    kind: &str,
    mut condition: impl FnMut(Option<K>) -> bool,
) -> Result<Option<()>>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    until(api, name, timeout, &format!("watch {kind} {name:?}"), |found| Ok(condition(found).then_some(()))).await
}
