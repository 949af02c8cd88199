//! Whether "no room" was true each time it was said.

use std::collections::BTreeSet;

use super::{
    Alive, Judgement, Violation,
    interval::{Clock, in_force},
};
use crate::history::{Attempt, Change, Evidence, LedgerChange, Outcome, Revision};

/// A refusal is justified when, at some moment between question and answer, objects that were alive and creates that then
/// came to be alive held all slots. That many keys were alive at some time between the two.
///
/// With a ledger more is asked: one of its revisions of that time had all slots taken, and each by a key that was alive after it.
pub fn check(evidence: &Evidence, judgement: &mut Judgement) {
    let clock = Clock::of(evidence);
    let mut refused: Vec<_> = evidence
        .attempts
        .iter()
        .filter(|attempt| attempt.outcome == Outcome::Full)
        .map(|attempt| (clock.between(attempt.start, attempt.end), attempt))
        .collect();
    refused.sort_by_key(|((first, _), _)| *first);
    let mut alive = Alive::new();
    let mut changes = evidence.changes.as_slice();
    for ((first, last), attempt) in refused {
        let (before, rest) = changes.split_at(changes.partition_point(|change| change.revision <= first));
        for change in before {
            apply(&mut alive, change);
        }
        changes = rest;
        let meanwhile = changes.get(..changes.partition_point(|change| change.revision <= last)).unwrap_or_default();
        let holders = holders(&alive, meanwhile);
        if holders.len() < evidence.limit || !ledger_was_full(evidence, first, last, &alive, meanwhile) {
            judgement.violations.push(unjustified(attempt, holders.len()));
        }
    }
}

fn unjustified(attempt: &Attempt, holders: usize) -> Violation {
    Violation::Unjustified { ticket: attempt.ticket, holders }
}

fn apply<'a>(alive: &mut Alive<'a>, change: &'a Change) {
    match &change.to {
        Some(stored) => alive.insert(&change.key, stored),
        None => alive.remove(change.key.as_str()),
    };
}

/// All keys that are alive at the start or come to be.
fn holders<'a>(alive: &Alive<'a>, meanwhile: &'a [Change]) -> BTreeSet<&'a str> {
    let born = meanwhile.iter().filter(|change| change.to.is_some()).map(|change| change.key.as_str());
    alive.keys().copied().chain(born).collect()
}

/// True also when the run has no ledger.
fn ledger_was_full(
    evidence: &Evidence,
    first: Revision,
    last: Revision,
    alive: &Alive<'_>,
    meanwhile: &[Change],
) -> bool {
    if evidence.ledger.is_empty() {
        return true;
    }
    let mut candidates = in_force(&evidence.ledger, (first, last)).iter();
    candidates.any(|change| full_and_alive(change, evidence.limit, alive, meanwhile))
}

fn full_and_alive(ledger: &LedgerChange, limit: usize, alive: &Alive<'_>, meanwhile: &[Change]) -> bool {
    let Some(status) = &ledger.to else { return false };
    let (before, after) = meanwhile.split_at(meanwhile.partition_point(|change| change.revision <= ledger.revision));
    let mut alive = alive.clone();
    for change in before {
        apply(&mut alive, change);
    }
    let holders = holders(&alive, after);
    status.slots.len() >= limit && status.slots.keys().all(|key| holders.contains(key.to_string().as_str()))
}
