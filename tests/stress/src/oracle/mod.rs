//! Judges a run by the store's own history: nothing here is sampled.

mod covered;
mod interval;
mod later;
mod refusals;
mod violation;
mod written;

use std::collections::BTreeMap;

use crate::history::{Evidence, Revision, Stored};

pub use later::Laters;
pub use violation::Violation;

/// The objects that are alive at some revision, by key.
type Alive<'a> = BTreeMap<&'a str, &'a Stored>;

/// What the history says.
#[derive(Debug, Default)]
pub struct Judgement {
    /// The most that were alive at once.
    pub max_alive: usize,
    /// The first revision at which that was so.
    pub max_at: Revision,
    /// Creations that passed the limit.
    pub over_admitted: usize,
    /// Creations in all.
    pub created: usize,
    /// The most slots that the ledger ever held.
    pub max_slots: usize,
    /// Writes of the ledger.
    pub ledger_writes: usize,
    /// Refusals for now.
    pub laters: Laters,
    /// What should not be.
    pub violations: Vec<Violation>,
}

/// Judges.
pub fn judge(evidence: &Evidence) -> Judgement {
    let mut judgement = Judgement::default();
    count(evidence, &mut judgement);
    covered::check(evidence, &mut judgement);
    written::check(evidence, &mut judgement);
    refusals::check(evidence, &mut judgement);
    later::check(evidence, &mut judgement);
    judgement
}

/// How many were alive, revision by revision.
fn count(evidence: &Evidence, judgement: &mut Judgement) {
    let mut alive = Alive::new();
    for change in &evidence.changes {
        let Some(stored) = &change.to else {
            alive.remove(change.key.as_str());
            continue;
        };
        let replaced = alive.insert(&change.key, stored);
        if replaced.is_some_and(|old| old.uid == stored.uid) {
            continue;
        }
        judgement.created += 1;
        if alive.len() > judgement.max_alive {
            (judgement.max_alive, judgement.max_at) = (alive.len(), change.revision);
        }
        if alive.len() > evidence.limit {
            judgement.over_admitted += 1;
            judgement.violations.push(Violation::OverLimit { revision: change.revision, alive: alive.len() });
        }
    }
}

#[cfg(test)]
mod tests;
