//! Follows a journal: look, take the next step, look again.

use std::time::Duration;

use super::{step, store};
use crate::{
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::rollback::{Direction, Journal, Step, both_ways, done, go_on, next, undone},
};

/// Follows the journal to its end.
pub async fn run(
    context: &Context,
    cluster: &Cluster,
    snapshot: &str,
    mut journal: Journal,
    timeout: Duration,
) -> Result<Exit> {
    let namespace = &cluster.namespace;
    let go_on = go_on(snapshot, namespace);
    let started = context.now();
    // The volume of the PVC that goes, when the way is back: nobody else will know it afterwards.
    let mut left = None;
    loop {
        let hints = |error: CliError| {
            if journal.direction == Direction::Forward {
                both_ways(error, snapshot, namespace)
            } else {
                error.hint(&go_on)
            }
        };
        let seen = facts::rollback::observe(cluster, &journal, snapshot).await.map_err(hints)?;
        if journal.direction == Direction::Back
            && let Some(current) = &seen.current
        {
            left = Some(current.name.clone());
        }
        let interrupted = format!("The rollback of PVC {:?} is not finished. {go_on}", journal.claim());
        context.ui.on_interrupt(Some(interrupted));
        let step = next(&journal, &seen);
        if step == Step::Arrived {
            break;
        }
        match step::take(context, cluster, &journal, &step, timeout).await {
            Err(error) if journal.safety_is_optional && matches!(step, Step::TakeSafety | Step::AwaitSafety) => {
                context.ui.warning(&format!("there is no snapshot of the data as they are: {}", error.message));
                context.ui.status("The volume with these data is kept all the same.");
                if let Some(left) = step::drop_safety(cluster, &mut journal).await {
                    context.ui.warning(&left);
                }
                store::write(cluster, snapshot, Some(&journal), None).await?;
            }
            taken => taken.map_err(hints)?,
        }
    }
    context.ui.on_interrupt(None);
    let seconds = context.now().duration_since(started).as_secs();
    let claim = journal.claim().to_owned();
    match journal.direction {
        Direction::Forward => {
            journal.done = true;
            store::write(cluster, snapshot, Some(&journal), None).await?;
            context.ui.data(&format!("persistentvolumeclaim/{claim} rolled back\n"))?;
            context.ui.status(&format!("PVC {claim} has the data of snapshot {snapshot} (after {seconds}s)"));
            for line in done(&journal, snapshot, namespace) {
                context.ui.status(&line);
            }
        }
        Direction::Back => {
            store::write(cluster, snapshot, None, None).await?;
            context.ui.data(&format!("persistentvolumeclaim/{claim} as before\n"))?;
            context.ui.status(&format!("PVC {claim} has the data from before the rollback (after {seconds}s)"));
            for line in undone(&journal, left.as_deref()) {
                context.ui.status(&line);
            }
        }
    }
    Ok(Exit::Done)
}
