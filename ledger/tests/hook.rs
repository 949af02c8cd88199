//! By what API servers ask, and that they do: a new ledger's set-up hangs on it from its beginning to its end.

#![allow(clippy::expect_used, clippy::panic, reason = "all of this is a test")]

use backup_ledger::{
    Copy, Effect, Event, LedgerStatus, Limits, Phase, Replica, Revision, Sightings, Timer, Uid, WriteOutcome,
};

fn revision(version: u32) -> Revision {
    Revision { incarnation: Uid::new("ledger"), version: version.to_string() }
}

fn confirmed(by: &str) -> Event {
    Event::HookConfirmed(by.to_owned())
}

fn read(phase: Phase, asked_by: &str) -> Event {
    let status = LedgerStatus { phase, asked_by: asked_by.to_owned(), ..LedgerStatus::default() };
    Event::LedgerRead(Some(Copy { revision: revision(1), status }))
}

/// Which set-up began, if one did.
fn begun(effects: &[Effect]) -> Option<u32> {
    effects.iter().find_map(|effect| match effect {
        Effect::StartTimer(Timer::Quarantine(number)) => Some(*number),
        _ => None,
    })
}

fn written(effects: &[Effect]) -> Option<&LedgerStatus> {
    effects.iter().find_map(|effect| match effect {
        Effect::WriteLedger { status, .. } => Some(status),
        _ => None,
    })
}

fn over(number: u32) -> Event {
    Event::TimerFired(Timer::Quarantine(number))
}

/// A replica whose new ledger waits for creates from before, and the number of that wait.
fn waiting() -> (Replica, u32) {
    let mut replica = Replica::new(Limits::new(1));
    drop(replica.step(confirmed("c1")));
    let number = begun(&replica.step(read(Phase::Initializing, ""))).expect("it begins");
    (replica, number)
}

#[test]
fn another_configuration_begins_the_wait_anew() {
    let (mut replica, first) = waiting();
    assert_eq!(begun(&replica.step(confirmed("c1"))), None, "it is the same");
    assert_eq!(begun(&replica.step(confirmed(""))), None, "which it is was not found out");
    let second = begun(&replica.step(confirmed("c2"))).expect("nobody was asked between the two");
    assert!(written(&replica.step(over(first))).is_none(), "creates let through before c2 may still come");
    assert!(written(&replica.step(over(second))).is_some(), "it goes on");
}

#[test]
fn api_servers_that_do_not_ask_end_the_wait_until_they_do() {
    let (mut replica, first) = waiting();
    assert_eq!(begun(&replica.step(Event::HookLost)), None);
    assert!(written(&replica.step(over(first))).is_none(), "nobody is asked");
    let second = begun(&replica.step(confirmed("c1"))).expect("they ask again");
    assert!(second > first && written(&replica.step(over(second))).is_some());
}

#[test]
fn what_was_found_for_a_wait_that_began_anew_is_not_used() {
    let (mut replica, first) = waiting();
    assert!(written(&replica.step(over(first))).is_some(), "a barrier");
    let effects = replica.step(Event::LedgerWritten(WriteOutcome::Committed(revision(2))));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Look(_))), "everything is listed: {effects:?}");
    let second = begun(&replica.step(confirmed("c2"))).expect("it begins anew");
    let effects = replica.step(Event::Looked(Sightings { complete: true, ..Sightings::default() }));
    assert!(written(&effects).is_none_or(|status| status.phase == Phase::Initializing), "{effects:?}");
    drop(replica.step(over(second)));
    drop(replica.step(Event::LedgerWritten(WriteOutcome::Committed(revision(3)))));
    let effects = replica.step(Event::Looked(Sightings { complete: true, ..Sightings::default() }));
    let status = written(&effects).expect("it is ready");
    assert_eq!((status.phase, status.asked_by.as_str()), (Phase::Ready, "c2"));
}

#[test]
fn a_ready_ledger_stays_ready_and_comes_to_say_by_what_it_is_asked() {
    let mut replica = Replica::new(Limits::new(1));
    drop(replica.step(confirmed("c1")));
    drop(replica.step(Event::HookLost));
    assert!(written(&replica.step(read(Phase::Ready, ""))).is_none(), "that is no reason to write");
    drop(replica.step(confirmed("c2")));
    let claim = backup_ledger::Claim {
        request: backup_ledger::RequestId(1),
        object: backup_ledger::Object::new(backup_ledger::Key::new("shop", "a"), Uid::new("a")),
        user: "ann".into(),
        since: String::new(),
        dry_run: false,
        standing: backup_ledger::Standing::Limited,
    };
    let effects = replica.step(Event::Claimed(claim));
    let status = written(&effects).expect("a slot is written");
    assert_eq!((status.phase, status.asked_by.as_str()), (Phase::Ready, "c2"));
}
