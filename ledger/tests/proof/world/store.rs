//! The store: objects, the ledger, and who is told of a change.

use std::collections::BTreeMap;

use backup_ledger::{Copy, Key, LedgerStatus, Object, Phase, Revision, Scope, Sightings, Uid};

use super::{Setup, World};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Store {
    pub objects: BTreeMap<Key, Stored>,
    pub ledger: Option<Copy>,
    /// Ledgers made so far.
    pub incarnations: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stored {
    pub uid: Uid,
    pub terminating: bool,
}

/// A write of the ledger on its way. Ordered by what it replaces; one sender has one at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Write {
    pub expected: Revision,
    pub status: LedgerStatus,
}

impl PartialOrd for Write {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Write {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        format!("{self:?}").cmp(&format!("{other:?}"))
    }
}

/// A watch event of the counted resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    Added(Object),
    Deleted(Object),
}

impl Store {
    pub fn new(setup: &Setup) -> Self {
        let stored = |n: usize| Stored { uid: Uid::new(&format!("old{n}")), terminating: false };
        let mut store = Self {
            objects: setup.preexisting.iter().enumerate().map(|(n, key)| (key.clone(), stored(n))).collect(),
            ledger: None,
            incarnations: 0,
        };
        if setup.installed {
            store.make_ledger();
            if let Some(copy) = &mut store.ledger {
                copy.status.phase = Phase::Ready;
            }
        }
        store
    }

    pub fn make_ledger(&mut self) -> Option<Revision> {
        if self.ledger.is_some() {
            return None;
        }
        self.incarnations += 1;
        let incarnation = Uid::new(&format!("ledger{}", self.incarnations));
        let revision = Revision { incarnation, version: "0".to_owned() };
        self.ledger = Some(Copy { revision: revision.clone(), status: LedgerStatus::default() });
        Some(revision)
    }

    pub fn compare_and_swap(&mut self, write: &Write, compare: bool) -> Option<Revision> {
        let copy = self.ledger.as_mut()?;
        if compare && copy.revision != write.expected {
            return None;
        }
        let next = copy.revision.version.parse::<u64>().expect("a number") + 1;
        copy.revision.version = next.to_string();
        copy.status = write.status.clone();
        Some(copy.revision.clone())
    }

    pub fn look(&self, scope: &Scope) -> Sightings {
        let uid = |key: &Key| self.objects.get(key).map(|stored| stored.uid.clone());
        match scope {
            Scope::Keys(keys) => {
                Sightings { complete: false, at: keys.iter().map(|key| (key.clone(), uid(key))).collect() }
            }
            Scope::All => {
                Sightings { complete: true, at: self.objects.keys().map(|key| (key.clone(), uid(key))).collect() }
            }
        }
    }
}

impl World {
    /// Tells every replica's watch.
    pub fn publish(&mut self, change: &Change) {
        for node in self.nodes.iter_mut().filter(|node| !node.deaf) {
            node.inbox.push(change.clone());
        }
    }
}
