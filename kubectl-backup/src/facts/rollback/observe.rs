//! What is seen of the cluster between two steps of a rollback.

use backup_api::snapshot::VolumeSnapshot;
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{PersistentVolume, PersistentVolumeClaim},
    storage::v1::VolumeAttachment,
};
use kube::{Api, api::ListParams};

use super::{pods_of, volume};
use crate::{
    args::parse_name,
    client::Cluster,
    error::{Doing as _, Result},
    plan::{
        claim::is_bound,
        filled_for,
        rollback::{
            ClaimSeen, Journal, Observed, ROLLBACK, SafetySeen, VolumeSeen, Workload, WorkloadKind, WorkloadSeen,
            is_safety_of, kept::OWN_RECLAIM_POLICY,
        },
    },
};

/// Looks at everything that the next step hangs on.
///
/// # Errors
/// When something may not be read: a step must not be taken blindly.
pub async fn observe(cluster: &Cluster, journal: &Journal, snapshot: &str) -> Result<Observed> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let found = claims.get_opt(journal.claim()).await.doing(|| format!("read PVC {:?}", journal.claim()))?;
    let mut claim = found.as_ref().map(|claim| claim_seen(claim, snapshot));
    if let Some(claim) = &mut claim
        && let Some(other) = &claim.of_other
    {
        claim.other_is_over = is_over(cluster, other, journal.claim()).await?;
    }
    let kept = volume(cluster, &journal.kept.volume).await?.map(|it| volume_seen(&it));
    let current = match claim.as_ref().and_then(|claim| claim.volume.as_deref()) {
        Some(name) if name != journal.kept.volume => volume(cluster, name).await?.map(|it| {
            let other_data = found.as_ref().and_then(|claim| filled_for::other_data(claim, &it));
            VolumeSeen { other_data, ..volume_seen(&it) }
        }),
        _ => None,
    };
    let pods = pods_of(cluster, journal.claim()).await?.into_iter().filter_map(|pod| pod.metadata.name).collect();
    let attached = match claim.as_ref().and_then(|claim| claim.volume.as_deref()) {
        Some(name) => attachments(cluster, name).await?,
        None => Vec::new(),
    };
    let mut workloads = Vec::new();
    for workload in &journal.workloads {
        workloads.extend(workload_seen(cluster, workload).await?);
    }
    let safety = match &journal.safety {
        Some(name) => safety_seen(cluster, journal, name).await?,
        None => SafetySeen::Absent,
    };
    Ok(Observed { claim, kept, current, pods, attached, workloads, safety, is_source_usable: true })
}

/// Reads the snapshot that the journal lies with; `None` when it is gone.
///
/// # Errors
/// When it may not be read.
pub async fn source(cluster: &Cluster, name: &str) -> Result<Option<VolumeSnapshot>> {
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    api.get_opt(name).await.doing(|| format!("read volumesnapshot {name:?}"))
}

/// Whether nothing is written down any more of a rollback of the PVC to that snapshot.
async fn is_over(cluster: &Cluster, snapshot: &str, claim: &str) -> Result<bool> {
    // The PVC's mark may be anybody's text.
    if parse_name(snapshot).is_err() {
        return Ok(false);
    }
    let Some(found) = source(cluster, snapshot).await? else { return Ok(true) };
    // Notes that cannot be read may be about it.
    Ok(Journal::of(&found).is_ok_and(|journal| journal.is_none_or(|journal| journal.claim() != claim)))
}

/// Whether a PVC can be filled from it.
pub fn is_usable(snapshot: Option<&VolumeSnapshot>) -> bool {
    snapshot.is_some_and(|found| {
        found.metadata.deletion_timestamp.is_none()
            && found.status.as_ref().and_then(|status| status.ready_to_use) == Some(true)
    })
}

fn claim_seen(claim: &PersistentVolumeClaim, snapshot: &str) -> ClaimSeen {
    let mark = claim.metadata.annotations.as_ref().and_then(|all| all.get(ROLLBACK));
    ClaimSeen {
        uid: claim.metadata.uid.clone().unwrap_or_default(),
        version: claim.metadata.resource_version.clone().unwrap_or_default(),
        deleting: claim.metadata.deletion_timestamp.is_some(),
        bound: is_bound(claim),
        volume: claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).filter(|name| !name.is_empty()),
        ours: mark.is_some_and(|mark| mark == snapshot),
        of_other: mark.filter(|mark| *mark != snapshot).cloned(),
        other_is_over: false,
    }
}

fn volume_seen(volume: &PersistentVolume) -> VolumeSeen {
    let spec = volume.spec.as_ref();
    VolumeSeen {
        name: volume.metadata.name.clone().unwrap_or_default(),
        reclaim_policy: spec
            .and_then(|spec| spec.persistent_volume_reclaim_policy.clone())
            .unwrap_or_else(|| "Retain".to_owned()),
        claim_uid: spec.and_then(|spec| spec.claim_ref.as_ref()?.uid.clone()),
        is_noted: volume.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(OWN_RECLAIM_POLICY)),
        deleting: volume.metadata.deletion_timestamp.is_some(),
        other_data: None,
    }
}

/// The nodes that a volume is attached to; none when that may not be known: the driver itself refuses to attach twice.
async fn attachments(cluster: &Cluster, volume: &str) -> Result<Vec<String>> {
    let api: Api<VolumeAttachment> = Api::all(cluster.client.clone());
    match api.list(&ListParams::default()).await.doing(|| "list volumeattachments".to_owned()) {
        Ok(list) => {
            let of_volume =
                list.items.into_iter().filter(|it| it.spec.source.persistent_volume_name.as_deref() == Some(volume));
            Ok(of_volume.map(|it| it.spec.node_name).collect())
        }
        Err(error) if error.is_forbidden() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

async fn workload_seen(cluster: &Cluster, workload: &Workload) -> Result<Option<WorkloadSeen>> {
    let name = &workload.name;
    let doing = || format!("read {workload}");
    let seen = match workload.kind {
        WorkloadKind::Deployment => {
            let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
            api.get_opt(name).await.doing(doing)?.map(|found| readiness::deployment(&found))
        }
        WorkloadKind::StatefulSet => {
            let api: Api<StatefulSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
            api.get_opt(name).await.doing(doing)?.map(|found| readiness::stateful_set(&found))
        }
    };
    Ok(seen.map(|(desired, ready)| WorkloadSeen { workload: workload.clone(), desired, ready }))
}

async fn safety_seen(cluster: &Cluster, journal: &Journal, name: &str) -> Result<SafetySeen> {
    let found = source(cluster, name).await?.filter(|found| is_safety_of(journal, found));
    Ok(match found {
        None => SafetySeen::Absent,
        Some(found) if found.status.as_ref().and_then(|status| status.ready_to_use) == Some(true) => SafetySeen::Ready,
        Some(_) => SafetySeen::UnderWay,
    })
}

/// How many pods a workload is to have, and whether it has them ready, as `kubectl rollout status` judges.
pub mod readiness {
    use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};

    /// Of a Deployment.
    pub fn deployment(found: &Deployment) -> (i32, bool) {
        let desired = found.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let status = found.status.clone().unwrap_or_default();
        let seen = status.observed_generation >= found.metadata.generation;
        let count = |number: Option<i32>| number.unwrap_or(0) >= desired;
        (desired, seen && count(status.updated_replicas) && count(status.available_replicas))
    }

    /// Of a StatefulSet.
    pub fn stateful_set(found: &StatefulSet) -> (i32, bool) {
        let desired = found.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let status = found.status.clone().unwrap_or_default();
        let seen = status.observed_generation >= found.metadata.generation;
        (desired, seen && status.ready_replicas.unwrap_or(0) >= desired)
    }
}
