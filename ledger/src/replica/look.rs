//! Looking at objects in the store itself: the one way to a proof without a deletion event.

use std::collections::BTreeSet;

use crate::{
    effect::{Effect, Proof, Scope},
    event::{Copy, Sightings},
    identity::{Key, Object},
    replica::{Known, Replica, audit::Stage},
    status::{MAX_SLOTS, Phase},
};

/// A look that is under way, with what was known when it began: only that can be proven by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Look {
    scope: Scope,
    /// Objects that had existed before: one that is not found now is gone for ever (A4).
    existed: BTreeSet<Object>,
    /// Objects in flight whose time was over before a ledger write was stored (A2, A3): likewise.
    barred: BTreeSet<Object>,
    /// Objects that were recorded as in flight.
    in_flight: BTreeSet<Object>,
    /// Objects that had existed before a ledger without them was read: one that is found now was never claimed.
    strays: BTreeSet<Object>,
    /// Whether it is the survey of a quarantine.
    survey: bool,
    discarded: bool,
}

impl Look {
    /// The answer, when it comes, belongs to another course of history.
    pub(super) fn discard(&mut self) {
        self.discarded = true;
    }

    /// Whether the answer says something about every key that was asked for.
    fn is_answered_by(&self, sightings: &Sightings) -> bool {
        match &self.scope {
            Scope::All => sightings.complete,
            Scope::Keys(keys) => keys.iter().all(|key| sightings.get(key).is_some()),
        }
    }
}

impl Replica {
    /// Begins a look when there is a reason and none is under way. All reasons share one.
    pub(super) fn start_look(&mut self, effects: &mut Vec<Effect>) {
        let (None, Known::Read(copy)) = (&self.look, &self.known) else { return };
        let survey = self.quarantine.wants_survey();
        let claims = self.queue.any_at(Stage::Blocked);
        let strays: BTreeSet<_> = self.evidence.strays.iter().filter(|(_, at)| **at == Stage::Read).collect();
        let strays: BTreeSet<Object> = strays.into_iter().map(|(object, _)| object.clone()).collect();
        if !(survey || claims || self.reconcile || !strays.is_empty() || !self.evidence.barred.is_empty()) {
            return;
        }
        let scope = if survey || self.reconcile {
            Scope::All
        } else {
            let slots = claims.then(|| copy.status.slots.keys()).into_iter().flatten();
            let others = strays.iter().chain(&self.evidence.barred).map(|object| &object.key);
            Scope::Keys(slots.chain(others).cloned().collect::<BTreeSet<Key>>())
        };
        let existed = copy.status.live().chain(self.evidence.seen.iter().cloned());
        let look = Look {
            in_flight: if claims { copy.status.pending().collect() } else { BTreeSet::new() },
            existed: existed.chain(self.evidence.adopt.iter().cloned()).collect(),
            barred: self.evidence.barred.clone(),
            strays,
            survey,
            discarded: false,
            scope: scope.clone(),
        };
        self.reconcile = false;
        self.queue.move_on(Stage::Blocked, Stage::Looking);
        self.evidence.move_strays_on(Stage::Read, Stage::Looking);
        self.look = Some(look);
        effects.push(Effect::Look(scope));
    }

    /// Takes in what was found. What could not be read proves nothing and is looked at again.
    pub(super) fn looked(&mut self, sightings: &Sightings) {
        let Some(look) = self.look.take() else { return };
        let answered = look.is_answered_by(sightings);
        self.reconcile |= look.scope == Scope::All && !answered && !look.survey;
        if !look.discarded {
            self.learn_gone(&look, sightings);
            self.learn_found(&look, sightings);
            if look.survey && answered {
                self.learn_survey(sightings);
            }
        }
        if answered && !look.discarded {
            // Whatever had existed, or was in flight, when the look began and was found by it took a slot at that moment.
            let here = |object: &Object| sightings.get(&object.key) == Some(Some(&object.uid));
            self.verified = look.existed.into_iter().chain(look.in_flight).filter(here).collect();
            self.queue.move_on(Stage::Looking, Stage::Looked);
        } else {
            self.queue.move_on(Stage::Looking, Stage::Blocked);
        }
        self.evidence.move_strays_on(Stage::Looking, Stage::Read);
    }

    fn learn_gone(&mut self, look: &Look, sightings: &Sightings) {
        let missing = |object: &Object| sightings.get(&object.key).is_some_and(|found| found != Some(&object.uid));
        for object in look.existed.iter().filter(|object| missing(object)) {
            self.evidence.gone(object.clone(), Proof::Absent);
        }
        for object in look.barred.iter().filter(|object| sightings.get(&object.key).is_some()) {
            self.evidence.barred.remove(object);
            if missing(object) && !self.evidence.gone.contains_key(object) {
                self.evidence.gone(object.clone(), Proof::Expired);
            }
        }
        for object in look.strays.iter().filter(|object| missing(object)) {
            self.evidence.strays.remove(object);
        }
    }

    fn learn_found(&mut self, look: &Look, sightings: &Sightings) {
        let Known::Read(Copy { status, .. }) = &self.known else { return };
        for object in sightings.objects() {
            if self.evidence.gone.contains_key(&object) {
                continue;
            }
            if status.records(&object) {
                self.evidence.seen(object);
            } else if look.strays.contains(&object) {
                self.evidence.strays.remove(&object);
                self.evidence.adopt.insert(object);
            } else if status.phase == Phase::Ready {
                self.evidence.stray(object);
            }
        }
    }

    fn learn_survey(&mut self, sightings: &Sightings) {
        let Known::Read(Copy { status, .. }) = &self.known else { return };
        if status.phase == Phase::Ready || !self.quarantine.awaits_survey() {
            return;
        }
        let unclaimed = |object: &Object| !status.records(object) && !self.evidence.gone.contains_key(object);
        let found: BTreeSet<_> = sightings.objects().filter(unclaimed).collect();
        let fits = status.slots.len() + found.len() <= MAX_SLOTS;
        self.evidence.adopt = if fits { found } else { BTreeSet::new() };
        self.quarantine.surveyed(fits);
    }
}
