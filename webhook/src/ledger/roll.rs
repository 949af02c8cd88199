//! The ages of those who hold slots, as the watch tells them. For people: nothing is decided by it.

use std::collections::BTreeMap;

use backup_ledger::{Key, MAX_SLOTS};
use backup_policy::quota::{self, Holder};

use super::counted::Seen;

/// The objects that the watch has shown.
#[derive(Debug, Default)]
pub struct Roll {
    objects: BTreeMap<Key, Seen>,
}

impl Roll {
    /// The watch begins anew.
    pub fn clear(&mut self) {
        self.objects.clear();
    }

    /// An object exists. What does not fit has no age in refusals.
    pub fn enter(&mut self, seen: Seen) {
        if self.objects.len() < 2 * MAX_SLOTS || self.objects.contains_key(&seen.object.key) {
            self.objects.insert(seen.object.key.clone(), seen);
        }
    }

    /// An object is gone.
    pub fn strike(&mut self, seen: &Seen) {
        if self.objects.get(&seen.object.key).is_some_and(|known| known.object == seen.object) {
            self.objects.remove(&seen.object.key);
        }
    }

    /// Whether the watch shows an object there.
    pub fn shows(&self, key: &Key) -> bool {
        self.objects.contains_key(key)
    }

    /// These holders with what is known of them.
    pub fn describe(&self, keys: &[Key]) -> Vec<Holder> {
        let describe = |key: &Key| {
            let seen = self.objects.get(key);
            Holder {
                key: quota::Key { namespace: key.namespace().to_owned(), name: key.name().to_owned() },
                created: seen.and_then(|seen| seen.created),
                deleting: seen.is_some_and(|seen| seen.deleting),
            }
        };
        keys.iter().map(describe).collect()
    }
}
