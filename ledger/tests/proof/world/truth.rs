//! What is true in the store, told without the ledger where possible: the naive reference.

use std::collections::BTreeSet;

use backup_ledger::{Key, LedgerStatus, Object, Phase};

use super::{Setup, Stage, World};

impl World {
    /// The stored ledger, when it decides claims.
    pub fn ready_ledger(&self) -> Option<&LedgerStatus> {
        self.store.ledger.as_ref().map(|copy| &copy.status).filter(|status| status.phase == Phase::Ready)
    }

    /// Objects ≤ limit, not counting those that the limit does not bind.
    pub fn within_limit(&self, setup: &Setup) -> bool {
        let free = |create: usize| setup.creates[create].bypass || setup.creates[create].exempt;
        let unbound = (0..self.creates.len())
            .filter(|create| free(*create) && self.creates[*create].stage == Stage::Stored)
            .count();
        self.store.objects.len() <= setup.limit.max(setup.preexisting.len()) + unbound
    }

    /// Whether a create may do without a record: it asked nobody, or it is never refused and its time was over.
    fn is_unrecorded(&self, setup: &Setup, create: usize) -> bool {
        setup.creates[create].bypass || (setup.creates[create].exempt && !self.creates[create].recorded)
    }

    /// I1: every object's uid is in its slot.
    pub fn objects_are_recorded(&self, setup: &Setup) -> bool {
        let Some(ledger) = self.ready_ledger() else { return true };
        let bypassed = |object: &Object| {
            (0..self.creates.len()).any(|create| self.is_unrecorded(setup, create) && setup.object(create) == *object)
        };
        self.store
            .objects
            .iter()
            .map(|(key, stored)| Object::new(key.clone(), stored.uid.clone()))
            .all(|object| ledger.records(&object) || bypassed(&object))
    }

    /// I2: no more slots than the limit, but for objects that the limit does not bind.
    pub fn slots_are_within_limit(&self, setup: &Setup) -> bool {
        let Some(ledger) = self.ready_ledger() else { return true };
        let unbound = setup.creates.iter().filter(|plan| plan.bypass || plan.exempt).count();
        ledger.slots.len() <= setup.limit.max(setup.preexisting.len()) + unbound
    }

    /// I3: every create that may still be written is recorded.
    pub fn creates_are_recorded(&self, setup: &Setup) -> bool {
        let Some(ledger) = self.ready_ledger() else { return true };
        self.creates
            .iter()
            .enumerate()
            .filter(|(index, create)| create.stage.may_be_written() && !self.is_unrecorded(setup, *index))
            .all(|(index, _)| ledger.records(&setup.object(index)))
    }

    /// Keys at which an object stands, or an admitted create has not been proven to have ended. A create that was stored and
    /// deleted has ended.
    pub fn taken(&self, setup: &Setup) -> BTreeSet<Key> {
        let mut taken: BTreeSet<_> = self.store.objects.keys().cloned().collect();
        let ledger = self.store.ledger.as_ref().map(|copy| &copy.status);
        for (index, create) in self.creates.iter().enumerate() {
            let object = setup.object(index);
            let recorded = ledger.is_some_and(|ledger| ledger.records(&object));
            if recorded && create.stage != Stage::Deleted {
                taken.insert(object.key);
            }
        }
        taken
    }

    /// Notes for every waiting claim whether the quota is full now.
    pub fn note_full(&mut self, setup: &Setup) {
        if self.taken(setup).len() >= setup.limit {
            for was_full in self.nodes.iter_mut().flat_map(|node| node.claims.values_mut()) {
                *was_full = true;
            }
        }
    }

    /// Whether the ledger is exactly what is stored, and nobody waits.
    pub fn is_clean(&self) -> bool {
        let Some(ledger) = self.ready_ledger() else { return false };
        let stored = self.store.objects.iter().map(|(key, stored)| Object::new(key.clone(), stored.uid.clone()));
        ledger.live().eq(stored)
            && ledger.pending().next().is_none()
            && self.nodes.iter().all(|node| node.claims.is_empty())
    }
}
