//! Follows a journal: look, take the next step, look again.

use std::time::Duration;

use super::{
    safety,
    step::{self, Taken},
    store,
};
use crate::{
    apply::made::{Hold, release},
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::rollback::{Direction, Journal, Notes, Observed, Standing, Step, by_hand, done, held, leaving, next, undone},
};

/// Follows the journal to its end.
pub async fn run(context: &Context, cluster: &Cluster, mut notes: Notes, timeout: Duration) -> Result<Exit> {
    let (namespace, snapshot) = (&cluster.namespace, notes.snapshot.clone());
    let started = context.now();
    // What a person has to do once nothing is written down any more.
    let mut manual = Vec::new();
    // Whether this run made the PVC: what was said of it before is not about an earlier try.
    let mut is_new = false;
    // A PVC that was not filled yet when it was taken away.
    let mut unfilled = None;
    let last = loop {
        let ways_out = |error: CliError| notes.ways_out(error, &manual, namespace);
        let seen = facts::rollback::observe(cluster, &notes.journal, &snapshot).await.map_err(ways_out)?;
        // Last of all that is looked at: the step hangs on what is written there now.
        let found = facts::rollback::source(cluster, &snapshot).await.map_err(ways_out)?;
        let standing = notes.check(found.as_ref(), namespace)?;
        if standing == Standing::Gone && notes.journal.direction == Direction::Forward {
            return Err(notes.lost(&seen, namespace));
        }
        let seen = Observed { is_source_usable: facts::rollback::is_usable(found.as_ref()), ..seen };
        if let Some(journal) = leaving(&notes.journal, &seen) {
            store::replace(cluster, &mut notes, Some(journal)).await?;
        }
        let step = next(&notes.journal, &seen);
        if step == Step::Arrived {
            break seen;
        }
        if standing == Standing::Gone {
            let is_known = !manual.is_empty();
            manual = by_hand(&notes.journal, &seen.once_begun(&step), namespace);
            if !is_known {
                context.ui.warning(&format!(
                    "VolumeSnapshot {snapshot:?} is gone, and with it the notes of the rollback: nobody but this run knows them any more"
                ));
                manual.iter().for_each(|line| context.ui.status(line));
            }
        }
        context.ui.on_interrupt(Some(notes.interrupted(&manual, namespace)));
        if let (Step::DeleteClaim { uid, .. }, Some(false)) = (&step, seen.claim.as_ref().map(|claim| claim.bound)) {
            unfilled = Some(uid.clone());
        }
        is_new |= step == Step::CreateReplacement;
        match step::take(context, cluster, &notes.journal, &step, is_new, timeout).await {
            Err(error) if notes.journal.safety_is_optional && matches!(step, Step::TakeSafety | Step::AwaitSafety) => {
                context.ui.warning(&format!("there is no snapshot of the data as they are: {}", error.message));
                context.ui.status("The volume with these data is kept all the same.");
                if let Some(left) = safety::give_up(cluster, &notes.journal, &error).await {
                    context.ui.warning(&left);
                }
                let journal = Journal { safety: None, ..notes.journal.clone() };
                store::replace(cluster, &mut notes, Some(journal)).await?;
            }
            taken => match taken.map_err(|error| notes.ways_out(error, &manual, namespace))? {
                Taken::Done => {}
                // Whoever may not read classes learns it only now.
                Taken::BindsLate => {
                    let journal = Journal { binds_late: true, ..notes.journal.clone() };
                    store::replace(cluster, &mut notes, Some(journal)).await?;
                }
            },
        }
    };
    let seconds = context.now().duration_since(started).as_secs();
    let claim = notes.journal.claim().to_owned();
    match notes.journal.direction {
        Direction::Forward => {
            let journal = Journal { done: true, ..notes.journal.clone() };
            if store::replace(cluster, &mut notes, Some(journal)).await? == Standing::Gone {
                return Err(notes.lost(&last, namespace));
            }
            context.ui.on_interrupt(None);
            context.ui.data(&format!("persistentvolumeclaim/{claim} rolled back\n"))?;
            let is_filled = last.claim.is_some_and(|claim| claim.bound);
            for line in done(&notes.journal, is_filled, &snapshot, namespace) {
                context.ui.status(&line);
            }
        }
        Direction::Back => {
            match release(cluster, &snapshot, &claim, unfilled.as_deref()).await {
                Ok(Hold::Free) => {}
                Ok(Hold::Held) => context.ui.warning(&held(&snapshot, &claim, namespace)),
                // The data are back all the same.
                Err(error) => context.ui.error(&error),
            }
            store::replace(cluster, &mut notes, None).await?;
            context.ui.on_interrupt(None);
            context.ui.data(&format!("persistentvolumeclaim/{claim} as before\n"))?;
            context.ui.status(&format!("PVC {claim} has the data from before the rollback (after {seconds}s)"));
            for line in undone(&notes.journal, last.safety) {
                context.ui.status(&line);
            }
        }
    }
    Ok(Exit::Done)
}
