//! Lets go of the data from before a rollback.

use k8s_openapi::api::core::v1::PersistentVolume;

use super::{Args, none_begun, store, volume};
use crate::{
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::rollback::{
        Notes, Standing, check_finish, finished, go_on,
        kept::{own_reclaim_policy, require_of},
        nothing_let_go,
    },
};

/// So often it is judged again whether the volume may go: its controllers write to it too.
const TRIES: usize = 8;

/// Gives the old volume its reclaim policy and takes the journal away.
pub async fn finish(context: &Context, cluster: &Cluster, args: &Args) -> Result<Exit> {
    let name = &args.snapshot;
    let snapshot = facts::snapshots::read(cluster, name).await?;
    let Some(mut notes) = Notes::of(&snapshot)? else { return Err(none_begun(cluster, name)) };
    let journal = notes.journal.clone();
    if !journal.done {
        return Err(CliError::new(format!(
            "the rollback of PVC {:?} to VolumeSnapshot {name:?} is under way: its old data are still needed",
            journal.claim()
        ))
        .hint(go_on(name, &cluster.namespace)));
    }
    if let Some(volume) = may_go(cluster, &notes).await? {
        if !args.yes {
            let fate = if policy(&volume)? == "Delete" { "It is deleted for good." } else { "It stays." };
            let question = format!(
                "Let go of volume {} with the data of PVC {:?} in namespace {:?} of context {:?} from before the rollback? {fate}",
                journal.kept.volume,
                journal.claim(),
                cluster.namespace,
                cluster.context
            );
            context.ui.confirm(&question, "--yes").await?;
        }
        let_go(context, cluster, &notes).await?;
    }
    // With the snapshot the notes are gone too.
    store::replace(cluster, &mut notes, None).await?;
    context.ui.data(&format!("rollback of persistentvolumeclaim/{} finished\n", journal.claim()))?;
    Ok(Exit::Done)
}

/// The old volume, if it is still there; then it may be let go.
async fn may_go(cluster: &Cluster, notes: &Notes) -> Result<Option<PersistentVolume>> {
    let journal = &notes.journal;
    // Before all that speaks for it: what changes later changes the volume too.
    let volume = facts::rollback::volume(cluster, &journal.kept.volume).await?;
    if let Some(volume) = &volume {
        require_of(volume, &cluster.namespace, journal.claim())?;
    }
    let found = facts::rollback::source(cluster, &notes.snapshot).await?;
    if notes.check(found.as_ref(), &cluster.namespace)? == Standing::Gone {
        return Err(nothing_let_go(journal, &notes.snapshot, &cluster.namespace));
    }
    let seen = facts::rollback::observe(cluster, journal, &notes.snapshot).await?;
    check_finish(journal, &seen, &notes.snapshot, &cluster.namespace)?;
    Ok(volume)
}

/// Lets it go as it was judged: while the question stood, another run may have turned round, or the PVC may be gone.
async fn let_go(context: &Context, cluster: &Cluster, notes: &Notes) -> Result<()> {
    let (claim, kept) = (notes.journal.claim(), &notes.journal.kept.volume);
    for _ in 0..TRIES {
        let Some(volume) = may_go(cluster, notes).await? else { return Ok(()) };
        if volume::let_go(cluster, &volume, claim).await? {
            context.ui.status(&finished(kept, policy(&volume)?));
            return Ok(());
        }
    }
    Err(CliError::new(format!("volume {kept:?} changed again and again; it was not let go"))
        .hint(format!("See who writes to it with: kubectl get pv {kept} -o yaml --show-managed-fields")))
}

/// What is to become of the volume.
fn policy(volume: &PersistentVolume) -> Result<&str> {
    let spec = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    Ok(own_reclaim_policy(volume)?.or(spec).unwrap_or("Retain"))
}
