use std::time::Duration;

use backup_ledger::{Key, LedgerStatus, Pending, Phase, Uid};

use super::*;
use crate::history::{Attempt, Change, Form, Later, LedgerChange, Outcome, Revision, Sighting, Ticket};

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn put(revision: Revision, name: &str, ticket: Ticket) -> Change {
    let stored = Stored { uid: format!("u{ticket}"), ticket: Some(ticket) };
    Change { revision, key: format!("shop/{name}"), to: Some(stored) }
}

fn gone(revision: Revision, name: &str) -> Change {
    Change { revision, key: format!("shop/{name}"), to: None }
}

fn attempt(ticket: Ticket, (start, end): (u64, u64), outcome: Outcome) -> Attempt {
    Attempt { ticket, form: Form::Named, start: at(start), end: at(end), outcome }
}

fn ledger(revision: Revision, epoch: u64, phase: Phase, slots: &[(&str, &str)]) -> LedgerChange {
    let mut status = LedgerStatus { phase, epoch, ..LedgerStatus::default() };
    for (name, uid) in slots {
        let slot = status.slots.entry(Key::new("shop", name)).or_default();
        slot.pend.insert(Uid::new(uid), Pending::default());
    }
    LedgerChange { revision, to: Some(status) }
}

/// Two objects at a limit of two; the third was told that there is no room.
fn full() -> Evidence {
    Evidence {
        limit: 2,
        changes: vec![put(10, "a", 1), put(20, "b", 2)],
        sightings: vec![Sighting { at: at(10), revision: 10 }, Sighting { at: at(20), revision: 20 }],
        attempts: vec![
            attempt(1, (5, 10), Outcome::Created),
            attempt(2, (15, 20), Outcome::Created),
            attempt(3, (25, 30), Outcome::Full),
        ],
        ..Evidence::default()
    }
}

#[test]
fn a_clean_run_is_clean() {
    let judgement = judge(&full());
    assert_eq!(judgement.violations, []);
    assert_eq!((judgement.max_alive, judgement.max_at, judgement.created), (2, 20, 2));
}

#[test]
fn one_too_many_is_caught_though_it_lived_for_one_revision() {
    let mut run = full();
    run.changes.extend([put(30, "c", 4), gone(31, "c")]);
    let judgement = judge(&run);
    assert_eq!(judgement.violations, [Violation::OverLimit { revision: 30, alive: 3 }]);
    assert_eq!((judgement.max_alive, judgement.max_at, judgement.over_admitted), (3, 30, 1));
}

#[test]
fn writes_to_an_object_are_no_second_object_and_a_gone_one_makes_room() {
    let mut run = full();
    run.changes.extend([put(21, "b", 2), gone(30, "a"), put(31, "c", 4), put(32, "c", 4)]);
    let judgement = judge(&run);
    assert_eq!(judgement.violations, []);
    assert_eq!((judgement.max_alive, judgement.created), (2, 3));
}

#[test]
fn a_refusal_beside_a_free_slot_is_caught() {
    let mut run = full();
    run.changes.insert(1, gone(15, "a"));
    assert_eq!(judge(&run).violations, [Violation::Unjustified { ticket: 3, holders: 1 }]);
}

#[test]
fn a_refusal_before_the_slots_were_taken_is_caught() {
    let mut run = full();
    // A try that began after the answer shows that its revision was not made yet.
    run.attempts[2] = attempt(3, (11, 14), Outcome::Full);
    assert_eq!(judge(&run).violations, [Violation::Unjustified { ticket: 3, holders: 1 }]);
    // Had it been under way, it may have held the slot.
    run.attempts[1] = attempt(2, (12, 20), Outcome::Created);
    assert_eq!(judge(&run).violations, []);
}

#[test]
fn what_was_refused_must_not_be_stored_and_what_was_made_must() {
    let mut run = full();
    let later = Outcome::TryAgain(Later::Taken);
    run.attempts[0].outcome = later.clone();
    run.attempts[1].form = Form::DryRun;
    run.attempts.push(attempt(4, (40, 50), Outcome::Created));
    let found = judge(&run).violations;
    assert!(found.contains(&Violation::Stored { ticket: 1, outcome: later }), "{found:?}");
    assert!(found.contains(&Violation::Stored { ticket: 2, outcome: Outcome::Created }), "{found:?}");
    assert!(found.contains(&Violation::Lost { ticket: 4 }), "{found:?}");
}

#[test]
fn an_unknown_outcome_may_be_either() {
    let mut run = full();
    run.attempts[0].outcome = Outcome::Failed("timeout".into());
    run.attempts.push(attempt(4, (40, 50), Outcome::Failed("timeout".into())));
    assert_eq!(judge(&run).violations, []);
}

#[test]
fn an_object_without_a_record_in_a_ready_ledger_is_caught() {
    let mut run = full();
    run.ledger = vec![ledger(5, 1, Phase::Ready, &[("a", "u1")]), ledger(15, 2, Phase::Ready, &[("a", "u1")])];
    let found = judge(&run).violations;
    assert!(found.contains(&Violation::Uncovered { revision: 20, key: "shop/b".into() }), "{found:?}");
    run.ledger[1] = ledger(15, 2, Phase::Ready, &[("a", "u1"), ("b", "another")]);
    let found = judge(&run).violations;
    assert!(found.contains(&Violation::Uncovered { revision: 20, key: "shop/b".into() }), "{found:?}");
    run.ledger[1] = ledger(15, 2, Phase::Ready, &[("a", "u1"), ("b", "u2")]);
    assert_eq!(judge(&run).violations, []);
}

#[test]
fn a_record_that_leaves_before_its_object_is_caught() {
    let mut run = full();
    run.ledger =
        vec![ledger(5, 1, Phase::Ready, &[("a", "u1"), ("b", "u2")]), ledger(35, 2, Phase::Ready, &[("b", "u2")])];
    assert_eq!(judge(&run).violations, [Violation::Uncovered { revision: 35, key: "shop/a".into() }]);
    run.changes.push(gone(33, "a"));
    assert_eq!(judge(&run).violations, []);
}

#[test]
fn a_ledger_that_is_not_ready_promises_nothing() {
    let mut run = full();
    run.attempts.pop();
    run.ledger = vec![ledger(5, 1, Phase::Initializing, &[])];
    assert_eq!(judge(&run).violations, []);
}

#[test]
fn too_many_slots_and_a_skipped_write_are_caught() {
    let mut run = full();
    let slots = [("a", "u1"), ("b", "u2"), ("c", "u4")];
    run.ledger = vec![ledger(5, 1, Phase::Ready, &slots[..2]), ledger(35, 3, Phase::Ready, &slots)];
    let found = judge(&run);
    assert_eq!(
        found.violations,
        [Violation::SkippedEpoch { revision: 35 }, Violation::TooManySlots { revision: 35, slots: 3 }]
    );
    assert_eq!((found.max_slots, found.ledger_writes), (3, 2));
}

#[test]
fn a_refusal_for_slots_that_nobody_lived_in_is_caught() {
    let mut run = full();
    // Full by records, but one of them is of a create that never came to be: that is "try again", not "full".
    run.changes.push(gone(22, "b"));
    run.changes.push(put(24, "d", 5));
    run.ledger = vec![
        ledger(5, 1, Phase::Ready, &[("a", "u1"), ("b", "u2"), ("d", "u5")]),
        ledger(23, 2, Phase::Ready, &[("a", "u1"), ("ghost", "u9"), ("d", "u5")]),
    ];
    run.limit = 3;
    run.sightings.push(Sighting { at: at(24), revision: 24 });
    let found = judge(&run).violations;
    assert_eq!(found, [Violation::Unjustified { ticket: 3, holders: 2 }]);
}

/// A third try, told for that reason at 25..30 ms to try again, with these ledgers at revisions 15 and 22.
fn told(why: Later, ledgers: [LedgerChange; 2]) -> Evidence {
    let mut run = full();
    run.ledger = ledgers.into();
    // No more than revision 22 was made when it was answered.
    run.changes.push(put(23, "c", 4));
    run.attempts.push(attempt(4, (31, 60), Outcome::Created));
    run.limit = 3;
    run.attempts[2].outcome = Outcome::TryAgain(why);
    run
}

fn judged(why: Later, before: LedgerChange, then: LedgerChange) -> (Laters, usize) {
    let judgement = judge(&told(why, [before, then]));
    let unexplained = judgement.violations.iter().filter(|one| matches!(one, Violation::Unexplained { ticket: 3, .. }));
    let unexplained = unexplained.count();
    (judgement.laters, unexplained)
}

const PROVEN: Laters = Laters { proven: 1, beside_fault: 0, unproven: 0 };
const NONE: Laters = Laters { proven: 0, beside_fault: 0, unproven: 0 };

#[test]
fn a_refusal_for_now_is_proven_by_a_ledger_of_that_time() {
    let ready = |slots: &[(&str, &str)]| ledger(22, 2, Phase::Ready, slots);
    let before = ledger(15, 1, Phase::Ready, &[("a", "u1"), ("b", "u2"), ("x", "u8")]);
    let three = ready(&[("a", "u1"), ("b", "u2"), ("c", "u4")]);
    let two = ready(&[("a", "u1"), ("b", "u2")]);
    assert_eq!(judged(Later::Taken, before.clone(), three.clone()), (PROVEN, 0));
    // The one before was in force when it was asked: the second is from a later moment than the last that was seen.
    assert_eq!(judged(Later::Taken, before.clone(), two.clone()), (PROVEN, 0));
    let long_ago = ledger(12, 1, Phase::Ready, &[("a", "u1"), ("b", "u2"), ("x", "u8")]);
    let since = ledger(18, 2, Phase::Ready, &[("a", "u1"), ("b", "u2")]);
    assert_eq!(judged(Later::Taken, long_ago, since), (NONE, 1));
}

#[test]
fn shares_and_caps_are_looked_for_in_the_ledger() {
    let ledgers = || {
        let slots = [("a", "u1"), ("b", "u2")];
        [ledger(15, 1, Phase::Ready, &slots), ledger(18, 2, Phase::Ready, &slots)]
    };
    let of = |why: Later| {
        let [mut before, mut then] = ledgers();
        for change in [&mut before, &mut then] {
            let slots = &mut change.to.as_mut().expect("a ledger").slots;
            for slot in slots.values_mut() {
                slot.pend.values_mut().for_each(|pending| *pending = Pending::new("", "ann"));
            }
        }
        judged(why, before, then)
    };
    for (cap, expected) in [(2, (PROVEN, 0)), (3, (NONE, 1))] {
        assert_eq!(of(Later::Namespace { name: "shop".into(), cap }), expected);
        assert_eq!(of(Later::User { name: "ann".into(), cap }), expected);
    }
    assert_eq!(of(Later::Namespace { name: "other".into(), cap: 2 }), (NONE, 1));
    assert_eq!(of(Later::User { name: "bob".into(), cap: 2 }), (NONE, 1));
    assert_eq!(of(Later::Key { key: "shop/a".into(), pending: 1 }), (PROVEN, 0));
    assert_eq!(of(Later::Key { key: "shop/a".into(), pending: 2 }), (NONE, 1));
    assert_eq!(of(Later::SettingUp), (NONE, 1));
    let [before, then] = ledgers();
    let gone = LedgerChange { revision: then.revision, to: None };
    assert_eq!(judged(Later::SettingUp, before.clone(), gone), (PROVEN, 0));
    let anew = ledger(18, 1, Phase::Initializing, &[]);
    assert_eq!(judged(Later::SettingUp, before, anew), (PROVEN, 0));
}

#[test]
fn what_leaves_no_trace_is_counted_by_itself() {
    let slots = [("a", "u1"), ("b", "u2")];
    let run = |why: Later, end: u64, faults: &[(u64, u64)]| {
        let mut run = told(why, [ledger(15, 1, Phase::Ready, &slots), ledger(18, 2, Phase::Ready, &slots)]);
        run.attempts[2].end = at(end);
        run.faults = faults.iter().map(|(from, until)| (at(*from), at(*until))).collect();
        judge(&run)
    };
    let unproven = Laters { unproven: 1, ..NONE };
    assert_eq!(run(Later::NotInTime, 2_100, &[]).laters, unproven);
    assert_eq!(run(Later::NotInTime, 2_100, &[(2_200, 2_300)]).laters, unproven, "the fault came later");
    assert_eq!(run(Later::NotInTime, 2_100, &[(5, 10)]).laters, Laters { beside_fault: 1, ..NONE });
    let hasty = run(Later::NotInTime, 500, &[]).violations;
    assert!(hasty.contains(&Violation::Unexplained { ticket: 3, why: Later::NotInTime }), "{hasty:?}");
    assert_eq!(run(Later::Other("policy".into()), 500, &[]).laters, unproven);
    assert_eq!(run(Later::Overloaded, 500, &[]).laters, unproven);
}
