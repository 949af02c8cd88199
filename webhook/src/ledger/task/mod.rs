//! The one task that owns the replica of a quota: takes events in, carries effects out.

mod batch;
mod claims;
mod effects;

use std::{collections::HashMap, future::pending, panic::resume_unwind, sync::Arc, time::Duration};

use backup_ledger::{Event, Limits, Phase, Replica, RequestId, Sightings, Timer, WriteOutcome};
use futures::StreamExt;
use kube::Client;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, interval_at, sleep},
};
use tokio_util::time::DelayQueue;

use batch::Counting;
use claims::Waiting;

use super::{
    backoff::{Backoff, Turns},
    counted::Counted,
    decision::{Ask, Decision},
    hook::{Probes, StillAsked},
    lead::Lead,
    observe::{Observer, Sight, watch_ledger},
    report::Report,
    roll::Roll,
    stand::{Stand, Sums},
    store::Store,
    times::{RECONCILE, Times},
    trouble::{Known, Trouble},
    wish::{Wanted, Wanting},
};
use crate::jitter;

/// What the watch may show before the task takes it in.
const SIGHTS: usize = 256;
/// As often collected evidence is left to the replica that writes anyway: it may not hear what this one hears.
const FLUSHES: u32 = 16;
/// Before a deletion of the ledger that failed is tried again.
const DELETE_PAUSE: Duration = Duration::from_secs(1);

/// A claim on its way to the task.
pub struct Asked {
    /// What is asked.
    pub ask: Ask,
    /// By when.
    pub deadline: Instant,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Decision>,
}

/// What comes back of what was begun.
pub enum Heard {
    /// An event for the replica.
    Event(Event),
    /// What a look found, and whether it answers all that was asked.
    Looked(Sightings, bool),
    /// Whether the object of a claim for a taken name is in its way, and how long it took to find that out.
    LookedUp(Asked, Option<Duration>),
    /// What a look for dry runs of several creates found.
    Counted(Sightings),
    /// It was found out again whether the API servers ask.
    LookedAround,
}

/// What a task is made of.
pub struct Parts {
    /// What is counted, as `plural.group`.
    pub resource: String,
    /// The client.
    pub client: Client,
    /// How it is proven that API servers ask.
    pub probes: Probes,
    /// How long things take.
    pub times: Times,
    /// Metrics and events.
    pub report: Report,
    /// What is wanted.
    pub wanted: Wanting,
    /// Claims.
    pub asked: mpsc::Receiver<Asked>,
    /// Who writes the ledger just now.
    pub lead: Arc<Lead>,
    /// Told once the ledger was read.
    pub read: oneshot::Sender<()>,
    /// Where it is told how the quota stands.
    pub stand: watch::Sender<Stand>,
    /// Where it is told what keeps it from being kept.
    pub trouble: Trouble,
    /// Whether creates were let through unrecorded while there was no quota: a ledger from before misses them.
    pub void: bool,
}

/// Works until the quota is no more.
pub async fn run(parts: Parts) {
    let store = Store::new(parts.client.clone(), &parts.resource);
    if parts.void {
        delete(store).await;
    } else {
        parts.probes.configuration().settle(&parts.resource, &store).await;
    }
    Task::new(parts).work().await;
}

struct Task {
    resource: String,
    client: Client,
    times: Times,
    report: Report,
    store: Store,
    replica: Replica,
    wanted: Wanting,
    asked: mpsc::Receiver<Asked>,
    lead: Arc<Lead>,
    counted: watch::Receiver<Option<Counted>>,
    sights: mpsc::Receiver<Sight>,
    wake: Arc<Notify>,
    heard: (mpsc::UnboundedSender<Heard>, mpsc::UnboundedReceiver<Heard>),
    running: JoinSet<()>,
    deletion: Option<JoinHandle<()>>,
    waiting: HashMap<RequestId, Waiting>,
    /// Claims that came while the quota ends and no ledger is ready: nothing is going to limit them.
    put_aside: Vec<Asked>,
    counting: Counting,
    next: u64,
    deadlines: DelayQueue<RequestId>,
    timers: DelayQueue<Timer>,
    roll: Roll,
    reads: Backoff,
    writes: Backoff,
    looks: Backoff,
    read: Option<oneshot::Sender<()>>,
    stand: watch::Sender<Stand>,
    trouble: Trouble,
    setup: Proof,
    /// When the last write of the ledger began.
    written: Option<Instant>,
    turns: Turns,
    /// How often in a row collected evidence was left to another replica's next write.
    left_to_others: u32,
    /// Whether the last that was heard of the ledger is a write of ours.
    again: bool,
}

#[derive(Debug, Clone, Copy)]
enum Proof {
    Missing,
    Given,
    QuarantineEnds(Instant),
}

enum Next {
    Asked(Asked),
    Heard(Heard),
    Sight(Sight),
    Wanted,
    Late(RequestId),
    Timer(Timer),
    Reconcile,
    Deleted,
    Orphaned,
}

impl Task {
    /// A task with its watches and its proof begun.
    fn new(parts: Parts) -> Self {
        let Parts { resource, client, probes, times, report, wanted, asked, lead, read, stand, trouble, .. } = parts;
        let store = Store::new(client.clone(), &resource);
        let heard = mpsc::unbounded_channel();
        let (counted_sender, counted) = watch::channel(None);
        let (sight_sender, sights) = mpsc::channel(SIGHTS);
        let wake = Arc::new(Notify::new());
        let mut running = JoinSet::new();
        let observer = Observer {
            client: client.clone(),
            resource: resource.clone(),
            counted: counted_sender,
            sights: sight_sender,
            wake: Arc::clone(&wake),
            trouble: trouble.clone(),
        };
        running.spawn(observer.run());
        running.spawn(watch_ledger(store.clone(), heard.0.clone(), Arc::clone(&lead)));
        let confirmed = (store.clone(), heard.0.clone());
        running.spawn(confirm(probes, resource.clone(), counted.clone(), confirmed, trouble.clone()));
        // Not taken in: what was set while an old ledger was deleted is still to be changed to.
        let replica = Replica::new(limits(wanted.now()));
        Self {
            resource,
            client,
            times,
            report,
            store,
            replica,
            wanted,
            asked,
            lead,
            counted,
            sights,
            wake,
            heard,
            running,
            deletion: None,
            waiting: HashMap::new(),
            put_aside: Vec::new(),
            counting: Counting::default(),
            next: 0,
            deadlines: DelayQueue::new(),
            timers: DelayQueue::new(),
            roll: Roll::default(),
            reads: Backoff::default(),
            writes: Backoff::default(),
            looks: Backoff::default(),
            read: Some(read),
            stand,
            trouble,
            setup: Proof::Missing,
            written: None,
            turns: Turns::default(),
            left_to_others: 0,
            again: false,
        }
    }

    async fn work(mut self) {
        let wanted = self.wanted.now();
        self.step(Event::LimitsSet(limits(wanted)));
        // Each replica at another time.
        let mut reconcile = interval_at(Instant::now() + RECONCILE + jitter::below(RECONCILE / 4), RECONCILE);
        loop {
            let deleted = async {
                match &mut self.deletion {
                    Some(deletion) => deletion.await.is_ok(),
                    None => pending().await,
                }
            };
            let next = tokio::select! {
                Some(heard) = self.heard.1.recv() => Next::Heard(heard),
                Some(asked) = self.asked.recv() => Next::Asked(asked),
                Some(sight) = self.sights.recv() => Next::Sight(sight),
                Some(late) = self.deadlines.next() => Next::Late(late.into_inner()),
                Some(timer) = self.timers.next() => Next::Timer(timer.into_inner()),
                changed = self.wanted.changed() => changed.map_or(Next::Orphaned, |()| Next::Wanted),
                _ = reconcile.tick() => Next::Reconcile,
                true = deleted => Next::Deleted,
            };
            match next {
                Next::Heard(heard) => self.hear(heard),
                Next::Asked(asked) => {
                    // Whoever asks after the quota was set is decided by what it was set to.
                    if self.wanted.is_new() {
                        self.change();
                    }
                    if self.deletion.is_some() && !self.is_ready() {
                        self.put_aside(asked);
                    } else {
                        self.look_up(asked);
                    }
                }
                Next::Sight(sight) => self.see(sight),
                Next::Late(request) => self.step(Event::DeadlineReached(request)),
                // Another writes, and has the same evidence.
                Next::Timer(Timer::Flush) if self.left_to_others < FLUSHES && self.lead.other().is_some() => {
                    self.left_to_others += 1;
                    self.timers.insert(Timer::Flush, Times::flush());
                }
                Next::Timer(timer) => {
                    if timer == Timer::Flush {
                        self.left_to_others = 0;
                    }
                    self.step(Event::TimerFired(timer));
                }
                Next::Reconcile => self.step(Event::ReconcileDue),
                Next::Wanted => self.change(),
                Next::Deleted => {
                    self.deletion = None;
                    // Wanted again meanwhile: the ledger is found missing and made anew.
                    if self.wanted.retire() {
                        return self.retire();
                    }
                }
                Next::Orphaned => return,
            }
            // What has ended is let go of; a fault in it is this task's own, for its answer never comes.
            while let Some(ended) = self.running.try_join_next() {
                if let Err(fault) = ended
                    && fault.is_panic()
                {
                    resume_unwind(fault.into_panic());
                }
            }
            self.stand();
        }
    }

    fn step(&mut self, event: Event) {
        for effect in self.replica.step(event) {
            self.carry_out(effect);
        }
    }

    fn hear(&mut self, heard: Heard) {
        let event = match heard {
            Heard::Looked(sightings, whole) => {
                if whole {
                    self.looks.worked();
                } else {
                    self.looks.failed();
                }
                Event::Looked(sightings)
            }
            Heard::LookedAround => return,
            Heard::LookedUp(asked, Some(took)) => return self.exists(asked, took),
            Heard::LookedUp(asked, None) => return self.take(asked),
            Heard::Counted(found) => return self.looked_for_several(&found),
            Heard::Event(event) => event,
        };
        match &event {
            Event::LedgerWatched(Some(seen)) => {
                let known = self.replica.copy();
                self.again &= known.is_some_and(|known| known.status.epoch >= seen.status.epoch);
            }
            Event::LedgerRead(_) => {
                self.reads.worked();
                self.again = false;
                if let Some(read) = self.read.take() {
                    // Nobody needs to wait for it.
                    let _ = read.send(());
                }
            }
            Event::LedgerUnreadable => self.reads.failed(),
            Event::LedgerWritten(WriteOutcome::Committed(_)) => {
                self.writes.worked();
                self.turns.worked();
                self.again = true;
            }
            Event::LedgerWritten(WriteOutcome::Conflict) => self.was_late(),
            Event::LedgerWritten(WriteOutcome::Unknown) => self.writes.failed(),
            // How long a set-up takes is still known.
            Event::HookConfirmed(_) if matches!(self.setup, Proof::Missing) => self.setup = Proof::Given,
            Event::HookLost => self.setup = Proof::Missing,
            _ => {}
        }
        self.step(event);
    }

    /// Another replica's write was faster, or ours is not allowed.
    fn was_late(&mut self) {
        if !self.turns.met() {
            self.writes.failed();
        }
    }

    fn see(&mut self, sight: Sight) {
        match sight {
            Sight::Began => self.roll.clear(),
            Sight::Exists(seen) => {
                if seen.counts {
                    self.step(Event::ObjectSeen(seen.object.clone()));
                    self.roll.enter(seen);
                }
            }
            Sight::Deleted(seen) => {
                self.roll.strike(&seen);
                self.step(Event::ObjectDeleted(seen.object));
            }
            Sight::Complete => self.step(Event::ReconcileDue),
        }
    }

    fn change(&mut self) {
        let wanted = self.wanted.take_in();
        tracing::info!(resource = self.resource, ?wanted, "the quota was set");
        if let Some(deletion) = self.deletion.take() {
            deletion.abort();
        }
        if wanted == Wanted::Gone {
            self.deletion = Some(tokio::spawn(delete(self.store.clone())));
        }
        self.step(Event::LimitsSet(limits(wanted)));
        if self.deletion.is_none() {
            for asked in std::mem::take(&mut self.put_aside) {
                self.look_up(asked);
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.replica.copy().is_some_and(|copy| copy.status.phase == Phase::Ready)
    }

    /// The ledger is gone: creates need no record any more.
    fn retire(mut self) {
        tracing::info!(resource = self.resource, "the quota is no more");
        self.asked.close();
        let put_aside = std::mem::take(&mut self.put_aside).into_iter();
        let late = put_aside.chain(std::iter::from_fn(|| self.asked.try_recv().ok())).map(|asked| asked.reply);
        let counting = self.counting.drain().chain(late);
        for reply in self.waiting.drain().map(|(_, waiting)| waiting.reply).chain(counting) {
            drop(reply.send(Decision::Admitted));
        }
        self.report.series.forget(&self.resource);
    }

    fn stand(&self) {
        if let Wanted::Limit(limit) = self.wanted.now() {
            let ready = self.is_ready();
            self.report.series.stand(&self.resource, limit, ready, &self.replica);
            let sums = self.replica.copy().map(|copy| Sums::of(&copy.status));
            let served = self.counted.borrow().is_some();
            // Of what the cluster does not have, nothing can be too much.
            let kept = !served || (ready && self.trouble.known() == Known::default());
            self.report.series.kept(&self.resource, kept);
            let stand = Stand { limit, served, sums };
            self.stand.send_if_modified(|known| std::mem::replace(known, stand.clone()) != stand);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(deletion) = self.deletion.take() {
            deletion.abort();
        }
    }
}

fn limits(wanted: Wanted) -> Limits {
    match wanted {
        Wanted::Limit(limit) => Limits::new(usize::try_from(limit).unwrap_or(usize::MAX)),
        Wanted::Gone => Limits::new(usize::MAX),
    }
}

async fn confirm(
    probes: Probes,
    resource: String,
    mut counted: watch::Receiver<Option<Counted>>,
    (store, heard): (Store, mpsc::UnboundedSender<Heard>),
    trouble: Trouble,
) {
    let Ok(Some(first)) = counted.wait_for(Option::is_some).await.map(|counted| counted.clone()) else { return };
    let mut counted_as = first;
    loop {
        let by = probes.confirm(&resource, &counted_as, &trouble).await.unwrap_or_default();
        let mut next = Heard::Event(Event::HookConfirmed(by));
        // That they ask once does not mean that they always will, nor that they were asked all the time.
        loop {
            if let Heard::Event(Event::HookConfirmed(_)) = &next {
                probes.configuration().settle(&resource, &store).await;
            }
            // What a ready ledger holds is shown until they ask again, by whatever configuration.
            let is_lost = matches!(next, Heard::Event(Event::HookLost));
            drop(heard.send(next));
            let Some(now) = counted.borrow().clone() else { return };
            counted_as = now;
            if is_lost {
                break;
            }
            next = match probes.confirm_again(&resource, &counted_as, &trouble).await {
                StillAsked::By(by) => Heard::Event(Event::HookConfirmed(by)),
                StillAsked::No => Heard::Event(Event::HookLost),
                StillAsked::Unknown => Heard::LookedAround,
            };
        }
    }
}

async fn delete(store: Store) {
    while let Err(error) = store.delete().await {
        tracing::warn!(%error, ledger = store.name(), "cannot delete the ledger of a quota that is no more");
        sleep(DELETE_PAUSE + jitter::below(DELETE_PAUSE)).await;
    }
}

#[cfg(test)]
mod tests;
