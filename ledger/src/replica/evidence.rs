//! What a replica has learned about objects and has not yet written.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    effect::{Notice, Proof},
    identity::Object,
    replica::audit::Stage,
    rules::{adopt::adopt, confirm::confirm, release::release},
    status::{LedgerStatus, MAX_SLOTS, Phase},
};

/// Facts about objects, and the way of unproven ones to a proof.
///
/// `gone` and the fact that a seen object has existed are true for ever, so they may be applied to any later revision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Evidence {
    /// Has existed.
    pub(super) seen: BTreeSet<Object>,
    /// Cannot exist any more.
    pub(super) gone: BTreeMap<Object, Proof>,
    /// Exists and was never claimed.
    pub(super) adopt: BTreeSet<Object>,
    /// Has existed and is not recorded as far as is known: the copy may be old, or the object bypassed the hook.
    pub(super) strays: BTreeMap<Object, Stage>,
    /// Pending objects whose timers have been started.
    pub(super) timed: BTreeSet<Object>,
    /// R3 (i): its time is over.
    pub(super) overdue: BTreeSet<Object>,
    /// R3 (ii): and a ledger write was stored after that.
    pub(super) barred: BTreeSet<Object>,
}

impl Evidence {
    pub(super) fn seen(&mut self, object: Object) {
        if !self.gone.contains_key(&object) {
            self.seen.insert(object);
        }
    }

    pub(super) fn deleted(&mut self, object: Object) {
        self.gone(object, Proof::Deleted);
    }

    pub(super) fn gone(&mut self, object: Object, proof: Proof) {
        self.seen.remove(&object);
        self.adopt.remove(&object);
        self.strays.remove(&object);
        self.gone.insert(object, proof);
    }

    pub(super) fn time_is_over(&mut self, object: Object) {
        if self.timed.contains(&object) {
            self.overdue.insert(object);
        }
    }

    /// Writes all that is known into a draft and says what people may want to know of it.
    pub(super) fn apply(&self, draft: &mut LedgerStatus) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (object, proof) in &self.gone {
            if release(draft, object) {
                notices.push(Notice::Released(object.clone(), *proof));
            }
        }
        for object in &self.seen {
            confirm(draft, object);
        }
        for object in &self.adopt {
            if adopt(draft, object) {
                notices.push(Notice::Adopted(object.clone()));
            }
        }
        notices
    }

    /// Drops what a revision makes pointless. `looking` says that an answer is on its way that may be older than `gone`.
    pub(super) fn settle(&mut self, status: &LedgerStatus, looking: bool) {
        self.gone.retain(|object, _| looking || status.records(object));
        for set in [&mut self.timed, &mut self.overdue, &mut self.barred] {
            set.retain(|object| status.is_pending(object));
        }
        self.adopt.retain(|object| !status.records(object));
        let recorded: Vec<_> = self.strays.keys().filter(|object| status.records(object)).cloned().collect();
        for object in recorded {
            self.strays.remove(&object);
            self.seen.insert(object);
        }
        for object in std::mem::take(&mut self.seen) {
            if status.is_pending(&object) {
                let slot = status.slots.get(&object.key);
                let blocker = slot.and_then(|slot| slot.live.clone());
                // While another object is recorded as live there, there is nothing to write; R3 comes later.
                if blocker.is_none_or(|uid| self.gone.contains_key(&Object::new(object.key.clone(), uid))) {
                    self.seen.insert(object);
                }
            } else if !status.records(&object) && !self.adopt.contains(&object) {
                self.stray(object);
            }
        }
        if status.phase == Phase::Initializing {
            // The survey will find them.
            self.strays.clear();
        }
    }

    /// Notes an object that is not recorded. What does not fit is found by the next reconciliation.
    pub(super) fn stray(&mut self, object: Object) {
        if self.strays.len() < MAX_SLOTS {
            self.strays.entry(object).or_insert(Stage::Arrived);
        }
    }

    pub(super) fn move_strays_on(&mut self, from: Stage, to: Stage) {
        for stage in self.strays.values_mut() {
            if *stage == from {
                *stage = to;
            }
        }
    }

    pub(super) fn any_stray_at(&self, stage: Stage) -> bool {
        self.strays.values().any(|at| *at == stage)
    }
}
