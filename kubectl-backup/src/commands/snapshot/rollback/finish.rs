//! Lets go of the data from before a rollback.

use super::{Args, none_begun, store};
use crate::{
    client::Cluster,
    commands::snapshot::rollback::step,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::rollback::{
        Journal, finished, go_on,
        kept::{own_reclaim_policy, require_of},
    },
};

/// Gives the old volume its reclaim policy and takes the journal away.
pub async fn finish(context: &Context, cluster: &Cluster, args: &Args) -> Result<Exit> {
    let name = &args.snapshot;
    let snapshot = facts::snapshots::read(cluster, name).await?;
    let Some(journal) = Journal::of(&snapshot)? else { return Err(none_begun(cluster, name)) };
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
    let claimed = volume.as_ref().and_then(|volume| volume.status.as_ref()?.phase.as_deref()) == Some("Bound");
    if volume.is_some() && !claimed {
        if !args.yes {
            let policy = volume.as_ref().map(own_reclaim_policy).transpose()?.flatten();
            let fate = if policy == Some("Delete") { "It is deleted for good." } else { "It stays." };
            let question = format!(
                "Let go of volume {} with the data of PVC {:?} in namespace {:?} of context {:?} from before the rollback? {fate}",
                journal.kept.volume,
                journal.claim(),
                cluster.namespace,
                cluster.context
            );
            context.ui.confirm(&question, "--yes")?;
        }
        step::give_back(cluster, &journal).await?;
        context.ui.status(&finished(&journal));
    }
    store::write(cluster, name, None, None).await?;
    context.ui.data(&format!("rollback of persistentvolumeclaim/{} finished\n", journal.claim()))?;
    Ok(Exit::Done)
}
