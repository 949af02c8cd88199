//! Claims: taken in, and answered.

use std::time::Duration;

use backup_ledger::{Claim, Event, Refusal, RequestId, Uid, Verdict};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};
use tokio_util::time::delay_queue;

use super::{Asked, Heard, Proof, Task, batch::Several};
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
    /// is told so at once, and leaves no record behind that would hold the slot when the object is deleted. Not so where objects
    /// are applied: an API server that finds one there, made since it looked, merges instead of refusing.
    pub(super) fn look_up(&mut self, asked: Asked) {
        let counted = self.counted.borrow().clone();
        let key = &asked.ask.object.key;
        let recorded = self.replica.copy().is_some_and(|copy| copy.status.slots.contains_key(key));
        match counted {
            Some(counted) if recorded || self.roll.shows(key) => {
                let (client, heard, arrived) = (self.client.clone(), self.heard.0.clone(), Instant::now());
                self.running.spawn(async move {
                    let key = &asked.ask.object.key;
                    let there = match timeout_at(asked.deadline, counted.beside(&client, key).get(key.name())).await {
                        Ok(Ok(found)) => is_in_the_way(&found.metadata, &asked.ask.object.uid),
                        // Whatever the reason: the ledger decides.
                        Ok(Err(_)) | Err(_) => false,
                    };
                    drop(heard.send(Heard::LookedUp(asked, there.then(|| arrived.elapsed()))));
                });
            }
            _ => self.take(asked),
        }
    }

    /// What the store would have said.
    pub(super) fn exists(&self, asked: Asked, took: Duration) {
        self.report.series.decided(&self.resource, &Decision::Exists, took);
        // Whoever asked may have gone.
        drop(asked.reply.send(Decision::Exists));
    }

    pub(super) fn take(&mut self, asked: Asked) {
        // Nobody waits for it any more: recorded, it would hold a slot for a create that is not going to be.
        if asked.deadline <= Instant::now() || asked.reply.is_closed() {
            return;
        }
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
        let deadline = self.deadlines.try_remove(&waiting.deadline).map(|left| left.deadline());
        let Waiting { ask, arrived, reply, .. } = waiting;
        if let (Verdict::Refused(Refusal::Initializing), Some(deadline), true) =
            (verdict, deadline, self.deletion.is_some())
        {
            return self.put_aside(Asked { ask, deadline, reply });
        }
        let several = Several { ask, arrived, reply };
        let several = if *verdict == Verdict::Admitted { self.count(several) } else { Some(several) };
        if let Some(several) = several {
            self.answer(several, verdict);
        }
    }

    pub(super) fn answer(&mut self, Several { ask, arrived, reply }: Several, verdict: &Verdict) {
        let decision = match verdict {
            Verdict::Admitted | Verdict::AdmittedUnrecorded => Decision::Admitted,
            Verdict::Refused(refusal) => {
                let holders = match refusal {
                    Refusal::Full { holders, .. } => self.roll.describe(holders),
                    _ => Vec::new(),
                };
                Decision::refused(&self.resource, refusal, (ask.several(), &holders), self.setup(), self.times.now())
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
            batch = ask.batch,
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

    /// Keeps a claim until the quota has ended, or is wanted again.
    pub(super) fn put_aside(&mut self, asked: Asked) {
        self.put_aside.retain(|asked| !asked.reply.is_closed());
        self.put_aside.push(asked);
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

/// Whether the store would refuse a create of that name: because of another object, and not of what an earlier try of this one
/// has made. What is applied is merged.
fn is_in_the_way(found: &ObjectMeta, uid: &Uid) -> bool {
    let is_applied = found.managed_fields.iter().flatten().any(|entry| entry.operation.as_deref() == Some("Apply"));
    !is_applied && found.uid.as_ref().is_some_and(|found| *found != uid.to_string())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

    use super::*;

    #[test]
    fn a_name_is_taken_by_another_object_that_nobody_applies() {
        let found = |operation: &str| ObjectMeta {
            uid: Some("there".into()),
            managed_fields: Some(vec![ManagedFieldsEntry {
                operation: Some(operation.to_owned()),
                ..ManagedFieldsEntry::default()
            }]),
            ..ObjectMeta::default()
        };
        assert!(is_in_the_way(&found("Update"), &Uid::new("new")));
        assert!(!is_in_the_way(&found("Update"), &Uid::new("there")), "an earlier try of this one");
        assert!(!is_in_the_way(&found("Apply"), &Uid::new("new")), "the store merges");
        assert!(!is_in_the_way(&ObjectMeta::default(), &Uid::new("new")));
    }
}
