//! Reading and writing the ledger: one of them at a time.

use std::collections::BTreeSet;

use crate::{
    claim::RequestId,
    effect::{Effect, Notice},
    event::{Copy, Revision, Timer, WriteOutcome},
    identity::Object,
    replica::{Flush, Known, Replica, audit::Stage},
    status::{LedgerStatus, Phase},
    verdict::Verdict,
};

/// What is under way between this replica and the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Io {
    Idle,
    /// A read; `overtaken` when the watch brought something since that may be newer than the answer.
    Reading {
        overtaken: bool,
    },
    Creating,
    Writing(Box<Write>),
    /// Nothing: a write met another's, which the watch is about to bring. When it does not, a timer ends it. The number is the
    /// epoch of the write.
    Overtaken(u64),
}

/// A write whose outcome is awaited.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Write {
    /// What it replaces.
    expected: Revision,
    status: LedgerStatus,
    /// Claims that are recorded in it. They are answered when it is stored, and stay refused by default until then.
    accepted: BTreeSet<RequestId>,
    /// Objects for which it is the barrier of R3.
    bars: BTreeSet<Object>,
    /// Whether it is the barrier of a quarantine.
    seals: bool,
    notices: Vec<Notice>,
}

impl Replica {
    pub(super) fn ledger_read(&mut self, read: Option<Copy>) {
        let Io::Reading { overtaken } = self.io else { return };
        self.io = Io::Idle;
        match read {
            Some(copy) if overtaken && self.is_behind(&copy) => {}
            Some(copy) => self.learn(copy),
            None => {
                self.forget();
                self.newest = None;
                self.known = Known::Missing;
            }
        }
        self.was_current();
    }

    pub(super) fn ledger_unreadable(&mut self) {
        if matches!(self.io, Io::Reading { .. }) {
            self.io = Io::Idle;
            self.known = Known::Unread;
            self.queue.move_on(Stage::Reading, Stage::Arrived);
            self.evidence.move_strays_on(Stage::Reading, Stage::Arrived);
        }
    }

    /// A watch event is a hint: it may be older than what is known, and a ledger that is new or gone is read for certain.
    pub(super) fn ledger_watched(&mut self, seen: Option<Copy>) {
        match (seen, &self.known) {
            (Some(seen), Known::Read(known)) if seen.revision.incarnation == known.revision.incarnation => {
                if seen.status.epoch > known.status.epoch {
                    if let Io::Reading { overtaken } = &mut self.io {
                        *overtaken = true;
                    }
                    self.go_on();
                    self.learn(seen);
                }
            }
            (None, Known::Missing | Known::Unread) | (Some(_), Known::Unread) => {}
            _ => {
                self.go_on();
                self.known = Known::Unread;
            }
        }
    }

    /// What was waited for after a conflict is here.
    fn go_on(&mut self) {
        if let Io::Overtaken(_) = self.io {
            self.io = Io::Idle;
        }
    }

    /// The watch was silent after a conflict: the ledger is read.
    pub(super) fn silence_is_over(&mut self, epoch: u64) {
        if self.io == Io::Overtaken(epoch) {
            self.io = Io::Idle;
            self.known = Known::Unread;
        }
    }

    pub(super) fn ledger_written(&mut self, outcome: WriteOutcome, effects: &mut Vec<Effect>) {
        match (std::mem::replace(&mut self.io, Io::Idle), outcome) {
            (Io::Writing(write), WriteOutcome::Committed(revision)) => {
                for request in &write.accepted {
                    if self.queue.take(*request).is_some() {
                        effects.push(Effect::Reply { request: *request, verdict: Verdict::Admitted });
                    }
                }
                self.evidence.barred.extend(write.bars);
                if write.seals {
                    self.quarantine.barrier_stored();
                }
                effects.extend(write.notices.into_iter().map(Effect::Notify));
                self.ledger_watched(Some(Copy { revision, status: write.status }));
                self.was_current();
            }
            // It is not stored, and what is stored instead comes by the watch, or has come. A compare-and-swap may be based on
            // any revision, however old. A refusal may not: for that, whoever waited for this write has to be read for.
            (Io::Writing(write), WriteOutcome::Conflict) => {
                self.evidence.overdue.extend(write.bars);
                self.queue.move_on(Stage::Reading, Stage::Arrived);
                self.evidence.move_strays_on(Stage::Reading, Stage::Arrived);
                if self.copy().is_some_and(|known| known.revision == write.expected) {
                    self.io = Io::Overtaken(write.status.epoch);
                    effects.push(Effect::StartTimer(Timer::Silence(write.status.epoch)));
                }
            }
            // Whether it is stored or not: only the ledger itself can tell, and it does, because every claim is looked up in
            // the revision that is read before it is judged again.
            (Io::Writing(write), _) => {
                self.evidence.overdue.extend(write.bars);
                self.known = Known::Unread;
            }
            (Io::Creating, _) => self.known = Known::Unread,
            (io, _) => self.io = io,
        }
    }

    fn is_behind(&self, copy: &Copy) -> bool {
        self.copy().is_some_and(|known| {
            known.revision.incarnation == copy.revision.incarnation && known.status.epoch > copy.status.epoch
        })
    }

    /// Accepts a revision. One that is older than what was known is another course of history (a restored store, or a
    /// ledger that was made anew).
    fn learn(&mut self, copy: Copy) {
        let now = (copy.revision.incarnation.clone(), copy.status.epoch);
        let goes_on = self.newest.as_ref().is_none_or(|newest| newest.0 == now.0 && newest.1 <= now.1);
        if !goes_on {
            self.forget();
        }
        self.newest = Some(now);
        self.known = Known::Read(copy);
    }

    /// The ledger that is known now was current after everything that waits for a read had arrived.
    fn was_current(&mut self) {
        self.queue.move_on(Stage::Reading, Stage::Read);
        self.evidence.move_strays_on(Stage::Reading, Stage::Read);
    }

    fn mark_reading(&mut self) {
        self.queue.move_on(Stage::Arrived, Stage::Reading);
        self.evidence.move_strays_on(Stage::Arrived, Stage::Reading);
    }

    /// API servers call this webhook, by that configuration; nothing in it says that it cannot be read.
    pub(super) fn hook_confirmed(&mut self, by: String) {
        match &self.hook_confirmed {
            // What is not known says nothing against what is.
            Some(known) if by.is_empty() || *known == by => return,
            // Between the two nobody was asked.
            Some(known) if !known.is_empty() => self.start_again(),
            Some(_) | None => {}
        }
        self.hook_confirmed = Some(by);
    }

    pub(super) fn hook_lost(&mut self) {
        self.hook_confirmed = None;
        self.start_again();
    }

    /// A quarantine that was under way begins anew; to a ledger that is ready it makes no difference.
    fn start_again(&mut self) {
        if self.quarantine.is_under_way() {
            // What was found belongs to it, and what is found next is found again.
            self.evidence.adopt.clear();
            self.quarantine.reset();
        }
    }

    fn read(&mut self, effects: &mut Vec<Effect>) {
        self.mark_reading();
        self.io = Io::Reading { overtaken: false };
        effects.push(Effect::ReadLedger);
    }

    /// Brings the evidence in line with the revision that is known, and starts the timers it calls for.
    pub(super) fn settle(&mut self, effects: &mut Vec<Effect>) {
        let Known::Read(copy) = &self.known else { return };
        self.evidence.settle(&copy.status, self.look.is_some());
        match copy.status.phase {
            Phase::Ready => {
                if self.quarantine.is_surveyed() {
                    // Another replica was faster; what this one found may be gone since.
                    for object in std::mem::take(&mut self.evidence.adopt) {
                        self.evidence.stray(object);
                    }
                }
                self.quarantine.reset();
            }
            Phase::Initializing if self.hook_confirmed.is_some() => {
                effects.extend(self.quarantine.begin().map(|number| Effect::StartTimer(Timer::Quarantine(number))));
            }
            Phase::Initializing => {}
        }
        for object in copy.status.pending() {
            if self.evidence.timed.insert(object.clone()) {
                effects.push(Effect::StartTimer(Timer::Pending(object)));
            }
        }
    }

    /// Decides what to do with the ledger next. All reasons to write share one write.
    pub(super) fn use_ledger(&mut self, effects: &mut Vec<Effect>) {
        let copy = match &self.known {
            Known::Unread => return self.read(effects),
            Known::Missing => {
                self.refuse_all_limited(effects);
                self.io = Io::Creating;
                return effects.push(Effect::CreateLedger);
            }
            Known::Read(copy) => copy.clone(),
        };
        let mut status = copy.status.clone();
        let mut notices = self.evidence.apply(&mut status);
        let upkeep = status != copy.status;
        if copy.status.phase == Phase::Initializing {
            // What a new ledger finds was not missed by anybody.
            notices.retain(|notice| !matches!(notice, Notice::Adopted(_)));
            if self.quarantine.is_surveyed() {
                if self.evidence.adopt.iter().all(|object| status.records(object)) {
                    status.phase = Phase::Ready;
                    status.asked_by = self.hook_confirmed.clone().unwrap_or_default();
                    notices.push(Notice::Ready);
                } else {
                    self.quarantine.surveyed(false);
                }
            }
        }
        let judged = self.judge_all(&copy, &mut status, effects);
        // What it says nothing of goes along with the next write.
        if status.phase == Phase::Ready && status.asked_by.is_empty() {
            status.asked_by = self.hook_confirmed.clone().unwrap_or_default();
        }
        let must_write = !judged.accepted.is_empty()
            || !self.evidence.overdue.is_empty()
            || self.quarantine.wants_barrier()
            || status.phase != copy.status.phase
            || (upkeep && self.flush == Flush::Due);
        if must_write {
            status.epoch += 1;
            self.flush = Flush::Off;
            self.mark_reading();
            effects.push(Effect::WriteLedger { expected: copy.revision.clone(), status: status.clone() });
            self.io = Io::Writing(Box::new(Write {
                expected: copy.revision,
                status,
                accepted: judged.accepted,
                bars: std::mem::take(&mut self.evidence.overdue),
                seals: self.quarantine.wants_barrier(),
                notices,
            }));
            return;
        }
        let strays = self.evidence.any_stray_at(Stage::Arrived);
        if judged.read_wanted || (strays && self.flush == Flush::Due) {
            self.flush = Flush::Off;
            return self.read(effects);
        }
        match self.flush {
            Flush::Off if upkeep || strays => {
                effects.push(Effect::StartTimer(Timer::Flush));
                self.flush = Flush::Timing;
            }
            Flush::Due => self.flush = Flush::Off,
            Flush::Off | Flush::Timing => {}
        }
    }
}
