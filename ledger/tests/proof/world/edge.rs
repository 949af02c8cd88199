//! The webhook's edge: carries out effects.

use std::collections::BTreeSet;

use backup_ledger::{Effect, Event, Notice, Proof, Refusal, RequestId, Revision, Timer, Verdict, WriteOutcome};

use super::{
    Fault, Milestone, Mutation, Node, Setup, Stage, World, Write,
    create::{create_of, request},
};

impl World {
    /// Tells a replica, and does what it asks for as far as that takes no time.
    pub fn tell(&mut self, setup: &Setup, node: usize, event: Event) {
        for effect in self.nodes[node].core.step(event) {
            self.carry_out(setup, node, effect);
        }
    }

    fn carry_out(&mut self, setup: &Setup, at: usize, effect: Effect) {
        let node = &mut self.nodes[at];
        match effect {
            Effect::ReadLedger => node.reading = true,
            Effect::CreateLedger => node.creating = true,
            Effect::WriteLedger { expected, status } => node.writing = Some(Write { expected, status }),
            Effect::Look(scope) => {
                let mut found = self.store.look(&scope);
                if setup.mutation == Some(Mutation::SkipsAdoption) {
                    let known = node.core.copy().map(|copy| copy.status.clone()).unwrap_or_default();
                    found.at.retain(|key, _| known.slots.contains_key(key));
                }
                node.looking = Some(found);
            }
            Effect::Reply { request, verdict } => self.reply(setup, at, request, &verdict),
            Effect::StartTimer(timer) => {
                // One that is older says nothing any more.
                if let (Timer::Silence(_), Some(older)) = (&timer, node.silence()) {
                    node.timers.remove(&older);
                }
                node.timers.insert(timer);
            }
            Effect::Notify(notice) => {
                setup.reach(match notice {
                    Notice::Adopted(_) => Milestone::Adopted,
                    Notice::Ready => Milestone::BecameReady,
                    Notice::Released(_, Proof::Deleted) => Milestone::ReleasedByDeletion,
                    Notice::Released(_, Proof::Absent) => Milestone::ReleasedByLook,
                    Notice::Released(_, Proof::Expired) => Milestone::ReleasedAfterExpiry,
                });
            }
        }
    }

    pub fn reply(&mut self, setup: &Setup, at: usize, id: RequestId, verdict: &Verdict) {
        let Some(was_full) = self.nodes[at].claims.remove(&id) else { return };
        let (index, plan) = (create_of(id), &setup.creates[create_of(id)]);
        if matches!(verdict, Verdict::Refused(Refusal::Full { .. })) {
            setup.reach(Milestone::RefusedAsFull);
            if !was_full {
                self.faults.insert(Fault::UnjustifiedRefusal);
            }
        }
        // The API server has given up on it already, or has its answer.
        if self.creates[index].stage != Stage::Asking {
            return;
        }
        let calls = self.creates[index].calls;
        self.creates[index].stage = match verdict {
            Verdict::Refused(_) => {
                let asked: BTreeSet<_> = (0..calls).map(|call| request(index, call)).collect();
                if self.nodes.iter().any(|node| node.claims.keys().any(|id| asked.contains(id))) {
                    return;
                }
                Stage::Over
            }
            Verdict::Admitted | Verdict::AdmittedUnrecorded if plan.dry_run => {
                setup.reach(Milestone::DryRunAdmitted);
                Stage::Over
            }
            Verdict::Admitted | Verdict::AdmittedUnrecorded => Stage::Allowed,
        };
    }

    /// The write of a replica reaches the store.
    pub fn write(&mut self, setup: &Setup, at: usize) {
        let Some(write) = self.nodes[at].writing.take() else { return };
        let copy = self.nodes[at].core.copy();
        let only_epoch = copy.is_some_and(|copy| copy.status.slots == write.status.slots);
        let outcome = if setup.mutation == Some(Mutation::NoBarrier) && only_epoch {
            WriteOutcome::Committed(write.expected)
        } else {
            self.store_write(setup, &write).map_or(WriteOutcome::Conflict, WriteOutcome::Committed)
        };
        self.tell(setup, at, Event::LedgerWritten(outcome));
    }

    /// Nobody learns whether the write reached the store.
    pub fn lose_write(&mut self, setup: &Setup, at: usize) {
        let Some(write) = self.nodes[at].writing.take() else { return };
        let next = Revision { version: "lost".to_owned(), ..write.expected.clone() };
        let outcome = match setup.mutation {
            Some(Mutation::AllowsOnUnknownWrite) => WriteOutcome::Committed(next),
            _ => WriteOutcome::Unknown,
        };
        self.detached.insert(write);
        self.tell(setup, at, Event::LedgerWritten(outcome));
    }

    pub fn store_write(&mut self, setup: &Setup, write: &Write) -> Option<Revision> {
        // The store's log is ordered: what was in it before is applied before.
        for create in 0..self.creates.len() {
            if self.creates[create].stage == Stage::Sealed {
                self.apply(setup, create);
            }
        }
        let revision = self.store.compare_and_swap(write, setup.mutation != Some(Mutation::NoCompareAndSwap))?;
        for create in 0..self.creates.len() {
            if write.status.records(&setup.object(create)) {
                self.creates[create].recorded = true;
                if setup.creates[create].dry_run {
                    self.faults.insert(Fault::DryRunRecorded);
                }
            }
        }
        Some(revision)
    }

    pub fn fire(&mut self, setup: &Setup, at: usize, timer: Timer) {
        self.nodes[at].timers.remove(&timer);
        if let (Some(Mutation::ReleasesOnClock), Timer::Pending(object)) = (setup.mutation, &timer) {
            return self.tell(setup, at, Event::ObjectDeleted(object.clone()));
        }
        self.tell(setup, at, Event::TimerFired(timer));
    }

    /// The replica dies and starts again.
    pub fn crash(&mut self, setup: &Setup, at: usize) {
        let dead = std::mem::replace(&mut self.nodes[at], Node::new(setup));
        self.nodes[at].deaf = dead.deaf;
        self.detached.extend(dead.writing);
        self.tell(setup, at, Event::HookConfirmed("the configuration".to_owned()));
    }
}
