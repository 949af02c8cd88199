//! Carrying out what the replica wants done. Each effect is answered once.

use std::time::Duration;

use backup_ledger::{Effect, Event, Scope, Timer, WriteOutcome};
use tokio::time::{Instant, sleep};

use super::{Heard, Proof, Task};
use crate::ledger::{look::look, series::Series, times::Times, wish::Wanted};

impl Task {
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::ReadLedger => {
                let (store, pause) = (self.store.clone(), self.pause());
                let timed = self.timed("read");
                self.begin(pause, async move {
                    match timed.over(store.read()).await {
                        Ok(found) => Event::LedgerRead(found),
                        Err(error) => {
                            tracing::warn!(%error, ledger = store.name(), "cannot read the ledger");
                            Event::LedgerUnreadable
                        }
                    }
                });
            }
            Effect::CreateLedger => {
                let (store, pause, gone) = (self.store.clone(), self.pause(), self.wanted.now() == Wanted::Gone);
                self.begin(pause, async move {
                    // One that is being deleted is not made again.
                    let made = if gone { (WriteOutcome::Unknown, None) } else { store.create().await };
                    Event::LedgerWritten(told(made, "make", store.name()))
                });
            }
            Effect::WriteLedger { expected, status } => {
                let (store, series) = (self.store.clone(), self.report.series.clone());
                let (resource, timed) = (self.resource.clone(), self.timed("write"));
                self.written = Some(Instant::now());
                let (pause, writer) =
                    (self.turns.before_write(self.again && !self.lead.is_reached()), self.lead.named());
                self.begin(pause, async move {
                    let outcome = told(timed.over(store.write(expected, status, writer)).await, "write", store.name());
                    series.wrote(&resource, &outcome);
                    Event::LedgerWritten(outcome)
                });
            }
            Effect::Look(scope) => self.look(scope),
            Effect::Reply { request, verdict } => self.reply(request, &verdict),
            Effect::StartTimer(timer) => {
                let time = match &timer {
                    Timer::Pending(_) => self.times.ttl(),
                    Timer::Flush => Times::flush(),
                    Timer::Silence(_) => Times::silence(),
                    Timer::Quarantine(_) => {
                        let time = self.times.ttl();
                        self.setup = Proof::QuarantineEnds(Instant::now() + time);
                        tracing::info!(
                            resource = self.resource,
                            seconds = time.as_secs(),
                            "the ledger is new: creates from before must end first"
                        );
                        time
                    }
                };
                self.timers.insert(timer, time);
            }
            Effect::Notify(notice) => {
                let posting = self.report.notice(&notice, self.counted.borrow().as_ref());
                if let Some(posting) = posting {
                    self.running.spawn(posting);
                }
            }
        }
    }

    fn pause(&mut self) -> Duration {
        self.reads.pause().max(self.writes.pause())
    }

    fn timed(&self, request: &'static str) -> Timed {
        Timed { series: self.report.series.clone(), resource: self.resource.clone(), request }
    }

    fn begin(&mut self, pause: Duration, work: impl Future<Output = Event> + Send + 'static) {
        let heard = self.heard.0.clone();
        self.running.spawn(async move {
            sleep(pause).await;
            // Nobody listens when the task has ended.
            drop(heard.send(Heard::Event(work.await)));
        });
    }

    fn look(&mut self, scope: Scope) {
        let (client, heard, pause) = (self.client.clone(), self.heard.0.clone(), self.looks.pause());
        let (mut counted, timed) = (self.counted.clone(), self.timed("look"));
        self.running.spawn(async move {
            sleep(pause).await;
            // Of a resource that the cluster does not have there is nothing to look at.
            let Ok(counted) = counted.wait_for(Option::is_some).await.map(|counted| counted.clone()) else { return };
            let Some(counted) = counted else { return };
            let found = timed.over(look(&client, &counted, &scope)).await;
            let whole = match &scope {
                Scope::All => found.complete,
                Scope::Keys(keys) => keys.iter().all(|key| found.at.contains_key(key)),
            };
            drop(heard.send(Heard::Looked(found, whole)));
        });
    }
}

/// Counts how long a request takes.
struct Timed {
    series: Series,
    resource: String,
    request: &'static str,
}

impl Timed {
    async fn over<T>(self, request: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let answer = request.await;
        self.series.answered(&self.resource, self.request, started.elapsed());
        answer
    }
}

fn told(made: (WriteOutcome, Option<kube::Error>), verb: &str, ledger: &str) -> WriteOutcome {
    let (outcome, error) = made;
    if let Some(error) = error {
        tracing::warn!(%error, ledger, "cannot {verb} the ledger");
    }
    outcome
}
