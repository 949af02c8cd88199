//! One replica of the webhook, for one quota.

mod audit;
mod evidence;
mod ledger_io;
mod look;
mod quarantine;
mod queue;

use std::collections::BTreeSet;

use crate::{
    claim::RequestId,
    effect::Effect,
    event::{Copy, Event, Timer},
    identity::{Object, Uid},
    limits::Limits,
    verdict::{Refusal, Verdict},
};

use audit::Stage;
use evidence::Evidence;
use ledger_io::Io;
use look::Look;
use quarantine::Quarantine;
use queue::Queue;

/// What one replica knows and waits for, as a value. Nothing in it needs to survive a restart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Replica {
    limits: Limits,
    known: Known,
    /// The ledger object and epoch that were last known, to notice that the ledger went back in time.
    newest: Option<(Uid, u64)>,
    io: Io,
    look: Option<Look>,
    /// Objects that took a slot at one moment after every claim at `Stage::Looked` had arrived.
    verified: BTreeSet<Object>,
    queue: Queue,
    evidence: Evidence,
    quarantine: Quarantine,
    /// By what the API servers are known to ask.
    hook_confirmed: Option<String>,
    reconcile: bool,
    flush: Flush,
}

/// What is known of the ledger. It may be out of date: a compare-and-swap fails then.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Known {
    /// Nothing that may be built upon.
    Unread,
    /// There is no ledger.
    Missing,
    /// This revision.
    Read(Copy),
}

/// Whether collected evidence is to be written without another reason to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Flush {
    Off,
    Timing,
    Due,
}

impl Replica {
    /// A replica that has just started. Hand it [`Event::LimitsSet`] and [`Event::HookConfirmed`] when they are known.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            known: Known::Unread,
            newest: None,
            io: Io::Idle,
            look: None,
            verified: BTreeSet::new(),
            queue: Queue::default(),
            evidence: Evidence::default(),
            quarantine: Quarantine::default(),
            hook_confirmed: None,
            reconcile: false,
            flush: Flush::Off,
        }
    }

    /// Takes in one event. Deterministic: the same state and event give the same state and effects.
    #[must_use = "the effects have to be carried out"]
    pub fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.take_in(event, &mut effects);
        self.advance(&mut effects);
        effects
    }

    /// The revision of the ledger that this replica knows, for status and metrics.
    #[must_use]
    pub fn copy(&self) -> Option<&Copy> {
        match &self.known {
            Known::Read(copy) => Some(copy),
            Known::Unread | Known::Missing => None,
        }
    }

    /// How many claims wait for their answer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    fn take_in(&mut self, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Claimed(claim) => {
                if let Some(refused) = self.queue.push(claim) {
                    effects.push(refuse(refused, Refusal::Overloaded));
                }
            }
            Event::DeadlineReached(request) => self.deadline(request, effects),
            Event::LimitsSet(limits) => self.limits = limits,
            Event::HookConfirmed(by) => self.hook_confirmed(by),
            Event::HookLost => self.hook_lost(),
            Event::LedgerRead(read) => self.ledger_read(read),
            Event::LedgerUnreadable => self.ledger_unreadable(),
            Event::LedgerWatched(seen) => self.ledger_watched(seen),
            Event::LedgerWritten(outcome) => self.ledger_written(outcome, effects),
            Event::ObjectSeen(object) => self.evidence.seen(object),
            Event::ObjectDeleted(object) => self.evidence.deleted(object),
            Event::Looked(sightings) => self.looked(&sightings),
            Event::ReconcileDue => {
                self.reconcile = true;
                self.quarantine.survey_again();
            }
            Event::TimerFired(Timer::Pending(object)) => self.evidence.time_is_over(object),
            Event::TimerFired(Timer::Quarantine(number)) => self.quarantine.time_is_over(number),
            Event::TimerFired(Timer::Flush) => self.flush = Flush::Due,
            Event::TimerFired(Timer::Silence(epoch)) => self.silence_is_over(epoch),
        }
    }

    /// Does whatever can be done now.
    fn advance(&mut self, effects: &mut Vec<Effect>) {
        if self.io == Io::Idle {
            self.settle(effects);
            self.use_ledger(effects);
        }
        self.start_look(effects);
        if !self.queue.any_at(Stage::Looked) {
            self.verified.clear();
        }
    }

    /// Everything learned belongs to another course of history: what is true for ever of that is not true of this.
    fn forget(&mut self) {
        self.evidence = Evidence::default();
        self.quarantine.reset();
        // What the watch has told once it does not tell again.
        self.reconcile = true;
        if let Some(look) = &mut self.look {
            look.discard();
        }
    }
}

fn refuse(request: RequestId, refusal: Refusal) -> Effect {
    Effect::Reply { request, verdict: Verdict::Refused(refusal) }
}
