//! Deletes volume snapshots and waits until they are gone.

use std::time::Duration;

use backup_api::snapshot::VolumeSnapshot;
use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{
    deletion_request::{goes_on, look, request},
    gone::until_gone,
};
use crate::{
    args::DryRun,
    client::{Cluster, ListRequest, list},
    commands::snapshot::RESOURCE,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::snapshot::{
        delete::{fate, retained},
        obstacle::{self, Choice},
    },
};

/// How to delete and to show it.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// How the snapshots were chosen.
    pub choice: Choice,
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
    let nothing = |error: CliError| CliError { message: format!("{}; nothing was deleted", error.message), ..error };
    free(context, cluster, snapshots, choice).await?.map_err(nothing)
}

/// The same once the question was answered: what happened while it stood?
///
/// # Errors
/// When something may not, and none is to go then.
pub async fn check_again(
    context: &Context,
    cluster: &Cluster,
    snapshots: Vec<VolumeSnapshot>,
    choice: Choice,
) -> Result<Vec<VolumeSnapshot>> {
    let mut there: Vec<VolumeSnapshot> = Vec::new();
    let request = ListRequest::of::<VolumeSnapshot>(Some(&cluster.namespace), None);
    let doing = format!("list volumesnapshots in namespace {:?}", cluster.namespace);
    list(cluster, &request, &doing, |each| there.push(each)).await?;
    let now = |old: VolumeSnapshot| {
        // What is gone, or another one by now, shows when it is to be deleted.
        there.iter().find(|new| new.metadata.uid == old.metadata.uid).cloned().unwrap_or(old)
    };
    check(context, cluster, snapshots.into_iter().map(now).collect(), choice).await
}

/// Sorts out what may go. The inner error says what is in the way, the outer one that it cannot be known.
pub(super) async fn free(
    context: &Context,
    cluster: &Cluster,
    snapshots: Vec<VolumeSnapshot>,
    choice: Choice,
) -> Result<Result<Vec<VolumeSnapshot>>> {
    let (borrowers, claims) =
        tokio::join!(facts::snapshots::borrowers(cluster, &snapshots), facts::claim::all(cluster));
    let (borrowers, claims) = (borrowers?, claims?);
    if claims.is_none() {
        context.ui.warning("PVCs may not be listed: it is not checked whether one is being restored from a snapshot");
    }
    let known = obstacle::Facts { claims: claims.as_deref(), borrowers: &borrowers, now: context.now() };
    Ok(obstacle::sort(snapshots, &known, choice).map(|sorted| {
        sorted.remarks.iter().for_each(|remark| context.ui.warning(remark));
        sorted.free
    }))
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
        if how.dry_run == DryRun::None {
            context.ui.on_interrupt(Some(goes_on(snapshot, &cluster.namespace)));
        }
        match request(context, cluster, snapshot, how).await {
            Ok(is_going) => going.extend(is_going.then_some(snapshot)),
            Err(error) => errors.push(error),
        }
    }
    let Some(timeout) = how.wait.filter(|_| how.dry_run == DryRun::None) else {
        for snapshot in going {
            report(context, cluster, name(snapshot), how)?;
        }
        return context.ui.all_but_last(errors);
    };
    context.ui.on_interrupt(Some(look(&cluster.namespace)));
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
