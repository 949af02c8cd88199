//! Turns a rollback round: looked at first whether the way back is open, and written down only then.

use super::{Args, claim, store};
use crate::{
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    facts,
    plan::rollback::{Direction, Journal, Notes, Standing, Step, next, workloads},
};

/// Checks, asks and writes down that the way is back.
pub async fn turn_round(context: &Context, cluster: &Cluster, notes: &mut Notes, args: &Args) -> Result<()> {
    let mut back = Journal { direction: Direction::Back, done: false, ..notes.journal.clone() };
    let name = back.claim().to_owned();
    let subject = format!("PVC {name:?} in namespace {:?}", cluster.namespace);
    if notes.journal.done {
        // It has run since: what uses the PVC now is to stand still, not what did on the day of the rollback.
        let users = facts::rollback::users(cluster, &name).await?;
        let (now, remarks) = workloads(&subject, &users)?;
        back.workloads = now;
        remarks.iter().for_each(|remark| context.ui.warning(remark));
    }
    facts::rollback::require(cluster, &back).await?;
    let seen = facts::rollback::observe(cluster, &back, &notes.snapshot).await?;
    if let Step::Stuck(why) = next(&back, &seen) {
        return Err(CliError::new(format!("{subject}: {why}"))
            .hint("The way back is not open; nothing was changed.")
            .hint(format!("Look with: kubectl get pvc,pv -n {}", cluster.namespace)));
    }
    // On its old volume it is not made again.
    if seen.claim.as_ref().is_none_or(|claim| claim.volume.as_ref() != Some(&back.kept.volume)) {
        claim::owners(cluster, &back.original).await?.1.iter().for_each(|remark| context.ui.warning(remark));
    }
    if !args.yes {
        let question = format!(
            "Bring PVC {name:?} in namespace {:?} of context {:?} back to volume {}, with the data from before the rollback?",
            cluster.namespace, cluster.context, back.kept.volume
        );
        context.ui.confirm(&question, "--yes").await?;
    }
    match store::replace(cluster, notes, Some(back)).await? {
        Standing::Written => Ok(()),
        Standing::Gone => Err(notes.lost(&seen, &cluster.namespace)),
    }
}
