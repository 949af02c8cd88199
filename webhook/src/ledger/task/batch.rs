//! Dry runs that stand for several creates: answered for all of them at once. None of them takes a slot.

use std::collections::BTreeMap;

use backup_ledger::{Key, Refusal, Scope, Sightings, Slot, Standing, Verdict};
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout_at},
};

use super::{Heard, Task};
use crate::ledger::{
    decision::{Ask, Decision},
    look::look,
    wish::Wanted,
};

/// Looks for such dry runs at a time: anybody may send them.
static LOOKS: Semaphore = Semaphore::const_new(4);

/// A dry run for which the ledger has room, while its slots are looked at for the others.
pub struct Several {
    pub(super) ask: Ask,
    pub(super) arrived: Instant,
    pub(super) reply: oneshot::Sender<Decision>,
}

impl Task {
    /// Begins to look whether there is room for all of them, where the ledger alone does not show it; it was read after they were
    /// asked for. Gives back what needs no look.
    pub(super) fn count(&mut self, several: Several, deadline: Instant) -> Option<Several> {
        let (batch, bound) = (several.ask.batch, several.ask.standing == Standing::Limited);
        let Wanted::Limit(limit) = self.wanted.now() else { return Some(several) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let counted = self.counted.borrow().clone();
        let (Some(copy), Some(counted)) = (self.replica.copy(), counted) else { return Some(several) };
        if !(several.ask.dry_run && bound) || batch <= 1 || copy.status.slots.len() + batch <= limit {
            return Some(several);
        }
        let slots = copy.status.slots.clone();
        let (client, heard) = (self.client.clone(), self.heard.0.clone());
        self.running.spawn(async move {
            let scope = Scope::Keys(slots.keys().cloned().collect());
            let looked = timeout_at(deadline, async {
                let _turn = LOOKS.acquire().await;
                look(&client, &counted, &scope).await
            });
            let found = looked.await.unwrap_or_default();
            let verdict = refusal(&slots, limit, batch, &found).map_or(Verdict::Admitted, Verdict::Refused);
            // Nobody listens when the task has ended.
            drop(heard.send(Heard::Counted(several, verdict)));
        });
        None
    }
}

/// Why there is no room for so many more, when these slots were looked at. A slot whose object is gone is as good as free: that
/// it is released is only not written yet.
fn refusal(slots: &BTreeMap<Key, Slot>, limit: usize, batch: usize, found: &Sightings) -> Option<Refusal> {
    let (mut holders, mut pending, mut unread) = (Vec::new(), 0_usize, false);
    for (key, slot) in slots {
        match found.at.get(key) {
            Some(Some(_)) => holders.push(key.clone()),
            Some(None) if slot.pend.is_empty() => {}
            Some(None) => pending += 1,
            None => unread = true,
        }
    }
    let (held, free) = (holders.len(), |used: usize| limit.saturating_sub(used));
    if unread {
        return Some(Refusal::TimedOut);
    }
    if batch > free(held) {
        return Some(Refusal::Full { limit, holders });
    }
    (batch > free(held + pending)).then_some(Refusal::AwaitingOutcome { limit, used: held + pending, pending })
}

#[cfg(test)]
mod tests {
    use backup_ledger::{Pending, Uid};

    use super::*;

    /// Slots of objects that are there, that are under way, that are gone, and that could not be looked at.
    fn world(there: usize, under_way: usize, gone: usize, unread: usize) -> (BTreeMap<Key, Slot>, Sightings) {
        let (mut slots, mut found) = (BTreeMap::new(), Sightings::default());
        let kinds = [("there", there), ("under-way", under_way), ("gone", gone), ("unread", unread)];
        for (kind, number) in kinds.into_iter().flat_map(|(kind, count)| (0..count).map(move |n| (kind, n))) {
            let (key, uid) = (Key::new("shop", &format!("{kind}-{number}")), Uid::new(&format!("{kind}-{number}")));
            let mut slot = Slot::default();
            match kind {
                "under-way" => drop(slot.pend.insert(uid.clone(), Pending::default())),
                _ => slot.live = Some(uid.clone()),
            }
            if kind != "unread" {
                found.at.insert(key.clone(), (kind == "there").then_some(uid));
            }
            slots.insert(key, slot);
        }
        (slots, found)
    }

    fn said(limit: usize, batch: usize, (slots, found): (BTreeMap<Key, Slot>, Sightings)) -> String {
        refusal(&slots, limit, batch, &found).map_or_else(|| "room".to_owned(), |refusal| refusal.to_string())
    }

    #[test]
    fn only_objects_that_are_there_refuse_for_good() {
        assert_eq!(said(10, 2, world(8, 0, 0, 0)), "room");
        assert_eq!(said(10, 3, world(8, 0, 0, 0)), "8/10 used");
        assert_eq!(said(10, 3, world(7, 0, 3, 0)), "room", "what is gone holds nothing");
        assert_eq!(said(10, 3, world(0, 0, 0, 0)), "room");
        assert_eq!(said(2, 3, world(0, 0, 0, 0)), "0/2 used", "more than there are slots");
        assert_eq!(said(1, 1_000, world(3, 0, 0, 0)), "3/1 used", "more than are allowed are there");
    }

    #[test]
    fn what_is_under_way_or_unknown_refuses_for_now() {
        let awaiting = "8/10 used, 1 of them by creates whose outcome is not known yet; try again in a moment";
        assert_eq!(said(10, 3, world(7, 1, 0, 0)), awaiting);
        assert_eq!(said(10, 2, world(7, 1, 0, 0)), "room");
        assert_eq!(said(10, 3, world(8, 1, 0, 0)), "8/10 used", "whatever becomes of the others");
        let unknown = Refusal::TimedOut.to_string();
        assert_eq!(said(10, 3, world(7, 0, 0, 1)), unknown);
        assert_eq!(said(10, 3, world(8, 0, 0, 1)), unknown, "nobody is named who was not looked at");
    }
}
