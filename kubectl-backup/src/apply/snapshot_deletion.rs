//! Deletes volume snapshots and waits until they are gone.

use std::time::Duration;

use backup_api::snapshot::{VolumeSnapshot, VolumeSnapshotContent};
use futures::{StreamExt as _, stream::FuturesUnordered};
use kube::{
    Api,
    api::{DeleteParams, Preconditions},
};

use super::gone::until_gone;
use crate::{
    args::DryRun,
    client::{Cluster, until},
    commands::snapshot::RESOURCE,
    context::Context,
    error::{CliError, Doing as _, Result},
    exit::Exit,
    facts,
    plan::snapshot::{
        delete::{fate, retained},
        obstacle::{self, Choice},
        preprovisioned::is_temporary,
    },
};

/// How long a snapshot may take to go whose content we remove ourselves.
const GOING: Duration = Duration::from_secs(30);

/// How to delete and to show it.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// How long to wait, zero for ever; `None` does not.
    pub wait: Option<Duration>,
    /// What is really sent.
    pub dry_run: DryRun,
    /// Print names instead of sentences.
    pub names_only: bool,
}

/// Sorts out what may go: what a PVC still waits to be filled from, or a rollback needs, may not.
///
/// # Errors
/// When something may not, and none is to go then.
pub async fn check(
    context: &Context,
    cluster: &Cluster,
    snapshots: Vec<VolumeSnapshot>,
    choice: Choice,
) -> Result<Vec<VolumeSnapshot>> {
    let (borrowers, claims) =
        tokio::join!(facts::snapshots::borrowers(cluster, &snapshots), facts::claim::all(cluster));
    let (borrowers, claims) = (borrowers?, claims?);
    if claims.is_none() {
        context.ui.warning("PVCs may not be listed: it is not checked whether one is being restored from a snapshot");
    }
    let known = obstacle::Facts { claims: claims.as_deref(), borrowers: &borrowers, now: context.now() };
    let sorted = obstacle::sort(snapshots, &known, choice)?;
    sorted.remarks.iter().for_each(|remark| context.ui.warning(remark));
    Ok(sorted.free)
}

/// Says what becomes of the storage's copy of each.
///
/// # Errors
/// When the server cannot be asked.
pub async fn tell_fates(context: &Context, cluster: &Cluster, snapshots: &[VolumeSnapshot]) -> Result<()> {
    let contents = facts::snapshots::contents(cluster, snapshots).await?;
    for (snapshot, content) in snapshots.iter().zip(&contents) {
        let claim = snapshot.spec.source.persistent_volume_claim_name.as_deref().unwrap_or("<none>");
        context.ui.status(&format!("snapshot {} of PVC {claim}: {}", name(snapshot), fate(content)));
    }
    Ok(())
}

/// Says of which the storage keeps its copy, or may.
///
/// # Errors
/// When the server cannot be asked.
pub async fn tell_retained(context: &Context, cluster: &Cluster, snapshots: &[VolumeSnapshot]) -> Result<()> {
    let contents = facts::snapshots::contents(cluster, snapshots).await?;
    for line in retained(snapshots, &contents) {
        context.ui.warning(&line);
    }
    Ok(())
}

/// Deletes all, then waits for all; what failed does not keep the others.
///
/// # Errors
/// When one could not be deleted, or is not gone in time.
pub async fn delete(context: &Context, cluster: &Cluster, snapshots: &[VolumeSnapshot], how: &How) -> Result<Exit> {
    let mut errors = Vec::new();
    let mut going = Vec::new();
    for snapshot in snapshots {
        match request(cluster, snapshot, how.dry_run).await {
            Ok(()) => going.push(snapshot),
            Err(error) => errors.push(error),
        }
    }
    let Some(timeout) = how.wait.filter(|_| how.dry_run == DryRun::None) else {
        for snapshot in going {
            report(context, cluster, name(snapshot), how)?;
        }
        return context.ui.all_but_last(errors);
    };
    context.ui.on_interrupt(Some(format!(
        "the deletion goes on without us; look with: kubectl backup snapshot list -n {}",
        cluster.namespace
    )));
    let mut waits: FuturesUnordered<_> = going
        .into_iter()
        .map(|snapshot| async move { (name(snapshot), until_gone(&context.ui, cluster, snapshot, timeout).await) })
        .collect();
    while let Some((name, gone)) = waits.next().await {
        match gone {
            Ok(()) => report(context, cluster, name, how)?,
            Err(error) => errors.push(error),
        }
    }
    context.ui.on_interrupt(None);
    context.ui.all_but_last(errors)
}

fn report(context: &Context, cluster: &Cluster, name: &str, how: &How) -> Result<()> {
    if how.names_only {
        return context.ui.data(&format!("{RESOURCE}/{name}\n"));
    }
    let suffix = how.dry_run.suffix();
    context.ui.data(&format!("{RESOURCE} {name:?} deleted from {} namespace{suffix}\n", cluster.namespace))
}

/// The snapshot's name.
pub fn name(snapshot: &VolumeSnapshot) -> &str {
    snapshot.metadata.name.as_deref().unwrap_or_default()
}

/// The content that a restore into another namespace made goes with its snapshot: nobody else would remove it, and it
/// keeps the storage's copy, which is the first content's.
async fn second_content(cluster: &Cluster, snapshot: &VolumeSnapshot, dry_run: DryRun) -> Result<()> {
    let content = snapshot.spec.source.volume_snapshot_content_name.as_deref();
    let Some(content) = content.filter(|_| is_temporary(&snapshot.metadata)) else { return Ok(()) };
    if dry_run == DryRun::None {
        // A content that goes first leaves the controllers stuck over its snapshot.
        let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let is_other = |found: &VolumeSnapshot| found.metadata.uid != snapshot.metadata.uid;
        let gone = |found: Option<VolumeSnapshot>| Ok(found.as_ref().is_none_or(is_other).then_some(()));
        if until(api, name(snapshot), GOING, "watch volumesnapshots", gone).await?.is_none() {
            return Err(CliError::timeout(format!(
                "{} is still being deleted; its content {content} stays",
                name(snapshot)
            ))
            .hint(format!("Remove it then with: kubectl delete volumesnapshotcontent {content}")));
        }
    }
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    let doing = |verb: &str| format!("{verb} volumesnapshotcontent {content:?}, which was made for it");
    let found = api.get_opt(content).await.doing(|| doing("read"))?;
    // Anybody can name another's content in a snapshot of their own.
    let is_its_own = |found: &VolumeSnapshotContent| {
        let reference = &found.spec.volume_snapshot_ref;
        reference.namespace.as_deref() == Some(&cluster.namespace) && reference.name.as_deref() == Some(name(snapshot))
    };
    let Some(found) = found
        .filter(|found| is_temporary(&found.metadata) && found.spec.deletion_policy == "Retain" && is_its_own(found))
    else {
        return Ok(());
    };
    let params = DeleteParams {
        dry_run: dry_run == DryRun::Server,
        preconditions: Some(Preconditions { uid: found.metadata.uid, resource_version: None }),
        ..DeleteParams::default()
    };
    match api.delete(content, &params).await.doing(|| doing("delete")) {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// Asks the server to delete exactly the snapshot that was checked, not one that took its name since.
async fn request(cluster: &Cluster, snapshot: &VolumeSnapshot, dry_run: DryRun) -> Result<()> {
    if dry_run == DryRun::Client {
        return Ok(());
    }
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = DeleteParams {
        dry_run: dry_run == DryRun::Server,
        preconditions: Some(Preconditions { uid: snapshot.metadata.uid.clone(), resource_version: None }),
        ..DeleteParams::default()
    };
    let name = name(snapshot);
    let doing = || format!("delete volumesnapshot {name:?} in namespace {:?}", cluster.namespace);
    match api.delete(name, &params).await.doing(doing) {
        Ok(_) => second_content(cluster, snapshot, dry_run).await,
        // Somebody else was faster.
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) if error.is_forbidden() => Err(error.hint(format!(
            "See what you may do with: kubectl auth can-i delete volumesnapshots -n {}",
            cluster.namespace
        ))),
        Err(error) if error.code == Some(409) => Err(CliError::new(format!(
            "VolumeSnapshot {name:?} in namespace {:?} was replaced by another of the same name meanwhile; it was not deleted",
            cluster.namespace
        ))),
        Err(error) => Err(error),
    }
}
