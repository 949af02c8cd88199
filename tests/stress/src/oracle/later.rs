//! Whether "not now" was true each time it was said, as far as that can be known.

use std::time::Duration;

use backup_ledger::{LedgerStatus, MAX_PENDING, Phase, Slot};

use super::{
    Judgement, Violation,
    interval::{Clock, in_force},
};
use crate::history::{Attempt, Evidence, Later, Outcome};

/// How long after a fault things may still be slow for it: a replica starts, an API server fills its caches.
const AFTERMATH: Duration = Duration::from_secs(10);
/// Who says that the time did not suffice has taken it: a claim has two seconds.
const SHORTEST: Duration = Duration::from_millis(1_900);

/// Refusals for now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Laters {
    /// A revision of the ledger, of the time between question and answer, says the same.
    pub proven: usize,
    /// The reason leaves no trace in the store, and something went wrong on purpose just then.
    pub beside_fault: usize,
    /// The reason leaves no trace in the store. That is a slow machine, or an error that is not found here.
    pub unproven: usize,
}

/// A reason that the ledger would show has to be in one of its revisions of that time. Of the others only this is asked: whoever
/// says that the time did not suffice has taken it.
pub fn check(evidence: &Evidence, judgement: &mut Judgement) {
    if evidence.ledger.is_empty() {
        return;
    }
    let clock = Clock::of(evidence);
    for attempt in &evidence.attempts {
        let Outcome::TryAgain(why) = &attempt.outcome else { continue };
        let mut ledgers = in_force(&evidence.ledger, clock.between(attempt.start, attempt.end)).iter();
        if ledgers.any(|change| shows(why, change.to.as_ref(), evidence.limit)) {
            judgement.laters.proven += 1;
        } else if leaves_a_trace(why) || (*why == Later::NotInTime && attempt.end - attempt.start < SHORTEST) {
            judgement.violations.push(Violation::Unexplained { ticket: attempt.ticket, why: why.clone() });
        } else if is_beside_a_fault(evidence, attempt) {
            judgement.laters.beside_fault += 1;
        } else {
            judgement.laters.unproven += 1;
        }
    }
}

/// Whether a ledger like this one is a reason to say that.
fn shows(why: &Later, status: Option<&LedgerStatus>, limit: usize) -> bool {
    let Some(status) = status else { return *why == Later::SettingUp };
    let under_way = |of: &dyn Fn(&str, &Slot) -> usize| -> (usize, usize) {
        let creates = status.slots.iter().map(|(key, slot)| of(key.namespace(), slot));
        creates.fold((0, 0), |(slots, sum), here| (slots + usize::from(here > 0), sum + here))
    };
    // A share is of slots; of creates there may be more than a ledger has slots.
    let reached = |(slots, creates): (usize, usize), cap: usize| slots >= cap || (cap > limit && creates >= cap);
    match why {
        Later::Taken => status.slots.len() >= limit && status.pending().next().is_some(),
        Later::Namespace { name, cap } => {
            reached(under_way(&|namespace, slot| if namespace == name { slot.pend.len() } else { 0 }), *cap)
        }
        Later::User { name, cap } => {
            reached(under_way(&|_, slot| slot.pend.values().filter(|pending| pending.is_by(name)).count()), *cap)
        }
        Later::Key { key, pending } => {
            status.slots.iter().any(|(held, slot)| held.to_string() == *key && slot.pend.len() >= *pending)
        }
        Later::Overloaded => status.pending().count() >= MAX_PENDING,
        Later::SettingUp => status.phase != Phase::Ready,
        Later::NotInTime | Later::Other(_) => false,
    }
}

/// A replica that has too much to do itself says the same as one whose ledger is full of creates under way.
fn leaves_a_trace(why: &Later) -> bool {
    !matches!(why, Later::Overloaded | Later::NotInTime | Later::Other(_))
}

fn is_beside_a_fault(evidence: &Evidence, attempt: &Attempt) -> bool {
    evidence.faults.iter().any(|(from, until)| *from <= attempt.end && attempt.start <= *until + AFTERMATH)
}
