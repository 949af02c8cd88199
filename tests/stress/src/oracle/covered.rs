//! Whether the ledger kept its promises: every object recorded, never more slots than the limit.

use super::{Alive, Judgement, Violation};
use crate::history::{Change, Evidence, LedgerChange};
use backup_ledger::{Key, LedgerStatus, Object, Phase, Uid};

/// Replays objects and ledger together, revision by revision.
pub fn check(evidence: &Evidence, judgement: &mut Judgement) {
    let mut alive = Alive::new();
    let mut ledger: Option<&LedgerStatus> = None;
    let mut changes = evidence.changes.iter().peekable();
    for written in &evidence.ledger {
        while let Some(change) = changes.next_if(|change| change.revision < written.revision) {
            object(change, &mut alive, ledger, judgement);
        }
        judgement.ledger_writes += 1;
        follows(ledger, written, judgement);
        ledger = written.to.as_ref();
        let Some(status) = ledger else { continue };
        judgement.max_slots = judgement.max_slots.max(status.slots.len());
        if status.slots.len() > evidence.limit {
            let slots = status.slots.len();
            judgement.violations.push(Violation::TooManySlots { revision: written.revision, slots });
        }
        for (key, stored) in &alive {
            if !records(status, key, &stored.uid) {
                let key = (*key).to_owned();
                judgement.violations.push(Violation::Uncovered { revision: written.revision, key });
            }
        }
    }
    for change in changes {
        object(change, &mut alive, ledger, judgement);
    }
}

fn object<'a>(change: &'a Change, alive: &mut Alive<'a>, ledger: Option<&LedgerStatus>, judgement: &mut Judgement) {
    let Some(stored) = &change.to else {
        alive.remove(change.key.as_str());
        return;
    };
    alive.insert(&change.key, stored);
    if ledger.is_some_and(|status| !records(status, &change.key, &stored.uid)) {
        judgement.violations.push(Violation::Uncovered { revision: change.revision, key: change.key.clone() });
    }
}

/// A ledger that is not ready promises nothing.
fn records(status: &LedgerStatus, key: &str, uid: &str) -> bool {
    let (namespace, name) = key.split_once('/').unwrap_or(("", key));
    status.phase != Phase::Ready || status.records(&Object::new(Key::new(namespace, name), Uid::new(uid)))
}

/// Every write raises the epoch by one; a ledger that was made anew begins again.
fn follows(before: Option<&LedgerStatus>, written: &LedgerChange, judgement: &mut Judgement) {
    if let (Some(before), Some(after)) = (before, &written.to)
        && after != before
        && after.epoch != before.epoch + 1
    {
        judgement.violations.push(Violation::SkippedEpoch { revision: written.revision });
    }
}
