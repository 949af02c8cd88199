//! Dry runs that stand for several creates: answered for all of them at once. None of them takes a slot.

use std::collections::BTreeMap;

use backup_ledger::{Key, Refusal, Scope, Sightings, Slot, Standing, Verdict};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use super::{Heard, Task};
use crate::ledger::{
    backoff::Backoff,
    decision::{Ask, Decision},
    look::look,
    times::PATIENCE,
    wish::Wanted,
};

/// Such dry runs that may wait for the next look: anybody may send them.
const WAITING: usize = 256;

/// A dry run for which the ledger has room, while its slots are looked at for the others.
pub struct Several {
    pub(super) ask: Ask,
    pub(super) arrived: Instant,
    pub(super) reply: oneshot::Sender<Decision>,
}

/// Dry runs that wait until the slots were looked at. All that came before a look began share it, and no two looks are under way:
/// whoever sends many of them takes no more of what the ledger's own reads and writes have than one look at a time.
#[derive(Default)]
pub(super) struct Counting {
    waiting: Vec<Several>,
    under_way: Option<Look>,
    pauses: Backoff,
}

/// A look that is under way.
struct Look {
    slots: BTreeMap<Key, Slot>,
    limit: usize,
    asked: Vec<Several>,
}

impl Counting {
    /// Has one wait for the next look, or gives it back when too many do.
    fn enter(&mut self, several: Several) -> Option<Several> {
        if self.waiting.len() >= WAITING {
            self.waiting.retain(|several| !several.reply.is_closed());
        }
        if self.waiting.len() >= WAITING {
            return Some(several);
        }
        self.waiting.push(several);
        None
    }

    /// Those whom the next look is for, when it may begin. Who has gone needs none.
    fn next(&mut self) -> Vec<Several> {
        if self.under_way.is_some() {
            return Vec::new();
        }
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        waiting.filter(|several| !several.reply.is_closed()).collect()
    }

    /// Where all of them wait for their answer.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = oneshot::Sender<Decision>> {
        let asked = self.under_way.take().map(|look| look.asked).unwrap_or_default();
        asked.into_iter().chain(std::mem::take(&mut self.waiting)).map(|several| several.reply)
    }
}

impl Task {
    /// Sees to it that the slots are looked at, where the ledger alone does not show whether there is room for all of them; it
    /// was read after they were asked for. Gives back what needs no look.
    pub(super) fn count(&mut self, several: Several) -> Option<Several> {
        let (batch, bound) = (several.ask.batch, several.ask.standing == Standing::Limited);
        let Wanted::Limit(limit) = self.wanted.now() else { return Some(several) };
        let Some(copy) = self.replica.copy() else { return Some(several) };
        let recorded = copy.status.slots.len();
        if !(several.ask.dry_run && bound) || batch <= 1 || self.counted.borrow().is_none() {
            return Some(several);
        }
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        if batch > most {
            self.refuse(several, limit);
        } else if recorded + batch <= most {
            return Some(several);
        } else if let Some(crowded) = self.counting.enter(several) {
            self.answer(crowded, &Verdict::Refused(Refusal::Overloaded));
        } else {
            self.look_for_several();
        }
        None
    }

    /// More than there will ever be room for: nobody's object needs to be looked at to know it.
    fn refuse(&self, Several { ask, arrived, reply }: Several, limit: u32) {
        let decision = Decision::beyond_limit(&self.resource, limit, ask.batch);
        self.report.series.decided(&self.resource, &decision, arrived.elapsed());
        tracing::info!(
            resource = self.resource,
            key = %ask.object.key,
            user = ask.user,
            batch = ask.batch,
            limit,
            "a dry run for more than the limit"
        );
        // Whoever asked may have gone.
        drop(reply.send(decision));
    }

    /// Begins a look for those who wait, unless one is under way.
    fn look_for_several(&mut self) {
        let asked = self.counting.next();
        if asked.is_empty() {
            return;
        }
        let Wanted::Limit(limit) = self.wanted.now() else {
            return asked.into_iter().for_each(|several| self.answer(several, &Verdict::Admitted));
        };
        let counted = self.counted.borrow().clone();
        let (Some(copy), Some(counted)) = (self.replica.copy(), counted) else {
            let unknown = Verdict::Refused(Refusal::TimedOut);
            return asked.into_iter().for_each(|several| self.answer(several, &unknown));
        };
        let slots = copy.status.slots.clone();
        let scope = Scope::Keys(slots.keys().cloned().collect());
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.counting.under_way = Some(Look { slots, limit, asked });
        let (client, heard, pause) = (self.client.clone(), self.heard.0.clone(), self.counting.pauses.pause());
        self.running.spawn(async move {
            sleep(pause).await;
            // Nobody who asked waits longer.
            let found = timeout(PATIENCE, look(&client, &counted, &scope)).await.unwrap_or_default();
            // Nobody listens when the task has ended.
            drop(heard.send(Heard::Counted(found)));
        });
    }

    /// Answers those whom a look was for, and begins the next.
    pub(super) fn looked_for_several(&mut self, found: &Sightings) {
        let Some(Look { slots, limit, asked }) = self.counting.under_way.take() else { return };
        if slots.keys().all(|key| found.at.contains_key(key)) {
            self.counting.pauses.worked();
        } else {
            self.counting.pauses.failed();
        }
        for several in asked {
            let refusal = refusal(&slots, limit, several.ask.batch, found);
            self.answer(several, &refusal.map_or(Verdict::Admitted, Verdict::Refused));
        }
        self.look_for_several();
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
mod tests;
