//! Lets go of the data from before a rollback.

use super::{Args, none_begun, store, volume::give_back};
use crate::{
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::rollback::{
        Notes, check_finish, finished, go_on,
        kept::{own_reclaim_policy, require_of},
    },
};

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
    let volume = facts::rollback::volume(cluster, &journal.kept.volume).await?;
    if let Some(volume) = &volume {
        require_of(volume, &cluster.namespace, journal.claim())?;
    }
    let seen = facts::rollback::observe(cluster, &journal, name).await?;
    check_finish(&journal, &seen, name, &cluster.namespace)?;
    if let Some(volume) = &volume {
        let spec = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
        let policy = own_reclaim_policy(volume)?.or(spec).unwrap_or("Retain");
        if !args.yes {
            let fate = if policy == "Delete" { "It is deleted for good." } else { "It stays." };
            let question = format!(
                "Let go of volume {} with the data of PVC {:?} in namespace {:?} of context {:?} from before the rollback? {fate}",
                journal.kept.volume,
                journal.claim(),
                cluster.namespace,
                cluster.context
            );
            context.ui.confirm(&question, "--yes").await?;
        }
        give_back(cluster, &journal.kept.volume, journal.claim()).await?;
        context.ui.status(&finished(&journal.kept.volume, policy));
    }
    // With the snapshot the notes are gone too.
    store::replace(cluster, &mut notes, None).await?;
    context.ui.data(&format!("rollback of persistentvolumeclaim/{} finished\n", journal.claim()))?;
    Ok(Exit::Done)
}
