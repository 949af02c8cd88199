//! Claims: taken in, and answered.

use std::time::Duration;

use backup_ledger::{Claim, Event, Refusal, RequestId, Verdict};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};
use tokio_util::time::delay_queue;

use super::{Asked, Heard, Proof, Task};
use crate::ledger::{
    decision::{Ask, Decision, Setup},
    times::PATIENCE,
};

/// A claim that waits for its answer.
pub(super) struct Waiting {
    ask: Ask,
    arrived: Instant,
    deadline: delay_queue::Key,
    pub(super) reply: oneshot::Sender<Decision>,
}

impl Task {
    /// A create of a name that is taken is looked up first. When the object is there, the store would refuse the create anyway: it
    /// is told so at once, and leaves no record behind that would hold the slot when the object is deleted.
    pub(super) fn look_up(&mut self, asked: Asked) {
        let counted = self.counted.borrow().clone();
        let key = &asked.ask.object.key;
        let recorded = self.replica.copy().is_some_and(|copy| copy.status.slots.contains_key(key));
        match counted {
            Some(counted) if recorded || self.roll.shows(key) => {
                let (client, heard) = (self.client.clone(), self.heard.0.clone());
                self.running.spawn(async move {
                    let key = &asked.ask.object.key;
                    let there = match timeout_at(asked.deadline, counted.beside(&client, key).get(key.name())).await {
                        Ok(Ok(found)) => found.metadata.uid.is_some_and(|uid| uid != asked.ask.object.uid.to_string()),
                        // Whatever the reason: the ledger decides.
                        Ok(Err(_)) | Err(_) => false,
                    };
                    drop(heard.send(Heard::LookedUp(asked, there)));
                });
            }
            _ => self.take(asked),
        }
    }

    pub(super) fn take(&mut self, asked: Asked) {
        let Asked { ask, deadline, reply } = asked;
        if self.counted.borrow().is_none() {
            self.wake.notify_one();
        }
        let request = RequestId(self.next);
        self.next += 1;
        let arrived = Instant::now();
        let claim = Claim {
            request,
            object: ask.object.clone(),
            user: ask.user.clone(),
            since: self.times.now().to_string(),
            dry_run: ask.dry_run,
            standing: ask.standing,
        };
        let deadline = self.deadlines.insert_at(request, deadline.min(arrived + PATIENCE));
        self.waiting.insert(request, Waiting { ask, arrived, deadline, reply });
        self.step(Event::Claimed(claim));
    }

    pub(super) fn reply(&mut self, request: RequestId, verdict: &Verdict) {
        let Some(waiting) = self.waiting.remove(&request) else { return };
        self.deadlines.try_remove(&waiting.deadline);
        let Waiting { ask, arrived, reply, .. } = waiting;
        let decision = match verdict {
            Verdict::Admitted | Verdict::AdmittedUnrecorded => Decision::Admitted,
            Verdict::Refused(refusal) => {
                let holders = match refusal {
                    Refusal::Full { holders, .. } => self.roll.describe(holders),
                    _ => Vec::new(),
                };
                Decision::refused(&self.resource, refusal, &holders, self.setup(), self.times.now())
            }
        };
        self.report.series.decided(&self.resource, &decision, arrived.elapsed());
        if *verdict == Verdict::Admitted && !ask.dry_run {
            let written = self.written.filter(|written| *written > arrived);
            let wait = written.map_or(Duration::ZERO, |written| written - arrived);
            self.report.series.granted(&self.resource, wait, arrived.elapsed() - wait);
        }
        tracing::info!(
            resource = self.resource,
            key = %ask.object.key,
            uid = %ask.object.uid,
            user = ask.user,
            dry_run = ask.dry_run,
            verdict = ?Told(verdict),
            slots = self.replica.copy().map_or(0, |copy| copy.status.slots.len()),
            milliseconds = u64::try_from(arrived.elapsed().as_millis()).unwrap_or(u64::MAX),
            "claim"
        );
        // A dry run leaves no event, nor does it take the place of one.
        if let (Decision::Full { message }, false) = (&decision, ask.dry_run)
            && let Some(posting) = self.report.full(&ask.object, self.counted.borrow().as_ref(), message)
        {
            self.running.spawn(posting);
        }
        // Whoever asked may have gone.
        // One whose time is over is not decided: who handed it over may still be.
        if !matches!(verdict, Verdict::Refused(Refusal::TimedOut)) {
            drop(reply.send(decision));
        }
    }

    pub(super) fn setup(&self) -> Setup {
        match self.setup {
            Proof::Missing => Setup::Unproven,
            Proof::Given => Setup::Unknown,
            Proof::QuarantineEnds(end) => match end.checked_duration_since(Instant::now()) {
                Some(left) => Setup::Waiting(left),
                None => Setup::Unknown,
            },
        }
    }
}

/// A verdict for the log: without the names of all holders.
struct Told<'a>(&'a Verdict);

impl std::fmt::Debug for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Verdict::Admitted => f.write_str("admitted"),
            Verdict::AdmittedUnrecorded => f.write_str("admitted unrecorded"),
            Verdict::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}

/// What the store would have said.
pub(super) fn exists(asked: Asked) {
    drop(asked.reply.send(Decision::Exists));
}
