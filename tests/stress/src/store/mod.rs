//! The store's history, recorded while the run goes on.

mod etcd;
mod messages;
mod object;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::{sync::watch, time::sleep};

use crate::history::{Change, LedgerChange, Revision, Sighting};
use etcd::{Etcd, Watch};
use messages::Event;

pub use object::TICKET;

/// Before the next try to reach an etcd that is being restarted.
const PAUSE: Duration = Duration::from_millis(50);

/// What of the store is recorded.
#[derive(Debug, Clone)]
pub struct Scope {
    /// etcd's socket.
    pub socket: PathBuf,
    /// The counted resource, as `group/plural`.
    pub resource: String,
    /// The ledger's name, if there is one.
    pub ledger: Option<String>,
}

/// What was recorded.
#[derive(Debug, Default)]
pub struct Record {
    pub changes: Vec<Change>,
    pub ledger: Vec<LedgerChange>,
    pub sightings: Vec<Sighting>,
}

/// A recording that goes on until it is ended.
pub struct Recorder {
    objects: tokio::task::JoinHandle<Result<Vec<(Duration, Event)>>>,
    ledger: tokio::task::JoinHandle<Result<Vec<(Duration, Event)>>>,
    until: watch::Sender<Option<Revision>>,
    scope: Scope,
}

const LEDGERS: &str = "/registry/kubectl-backup.dev/quotaledgers/";

impl Scope {
    fn objects(&self) -> String {
        format!("/registry/{}/", self.resource)
    }
}

impl Recorder {
    /// Starts at the present revision, at which nothing that is counted may exist.
    pub async fn start(scope: Scope, zero: Instant) -> Result<Self> {
        let mut etcd = Etcd::connect(scope.socket.clone()).await?;
        let now = etcd.read(&scope.objects()).await?;
        if !now.kvs.is_empty() {
            bail!("{} objects of {} exist already", now.kvs.len(), scope.resource);
        }
        let from = u64::try_from(now.header.context("no revision")?.revision)? + 1;
        let (until, ended) = watch::channel(None);
        let follow =
            |prefix: String, from| tokio::spawn(follow(scope.socket.clone(), prefix, from, zero, ended.clone()));
        let objects = follow(scope.objects(), from);
        // The ledger's present state counts as its first write.
        let state = etcd.read(LEDGERS).await?.kvs.iter().map(|kv| kv.mod_revision).min();
        let ledger = follow(LEDGERS.into(), state.map_or(Ok(from), u64::try_from)?);
        Ok(Self { objects, ledger, until, scope })
    }

    /// Ends with everything that is in the store now.
    pub async fn end(self) -> Result<Record> {
        let mut etcd = Etcd::connect(self.scope.socket.clone()).await?;
        let header = etcd.read(&self.scope.objects()).await?.header.context("no revision")?;
        self.until.send_replace(Some(u64::try_from(header.revision)?));
        let (objects, ledger) = (self.objects.await??, self.ledger.await??);
        let mut record = Record::default();
        let prefix = self.scope.objects();
        for (at, event) in &objects {
            let change = object::change(&prefix, event)?;
            record.sightings.push(Sighting { at: *at, revision: change.revision });
            record.changes.push(change);
        }
        if let Some(name) = &self.scope.ledger {
            for (_, event) in &ledger {
                record.ledger.extend(object::ledger_change(LEDGERS, name, event)?);
            }
        }
        // In the order of the store, whatever the order of arrival.
        record.changes.sort_by_key(|change| change.revision);
        record.ledger.sort_by_key(|change| change.revision);
        Ok(record)
    }
}

/// Collects all events until the store itself says that the last revision was passed. A lost connection is made again and
/// goes on after the last event; a history that was compacted away meanwhile is an error, never a hole.
async fn follow(
    socket: PathBuf,
    prefix: String,
    mut from: Revision,
    zero: Instant,
    mut ended: watch::Receiver<Option<Revision>>,
) -> Result<Vec<(Duration, Event)>> {
    let mut events = Vec::new();
    loop {
        let Ok(mut watch) = open(&socket, &prefix, from).await else {
            sleep(PAUSE).await;
            continue;
        };
        loop {
            let last = *ended.borrow_and_update();
            let message = tokio::select! {
                message = watch.messages.message() => message,
                changed = ended.changed(), if last.is_none() => {
                    changed.context("the run is over")?;
                    continue;
                }
                () = sleep(PAUSE), if last.is_some() => {
                    watch.ask_progress().await;
                    continue;
                }
            };
            let Ok(Some(message)) = message else { break };
            if message.canceled {
                bail!("etcd ended the watch: {} (compacted at {})", message.cancel_reason, message.compact_revision);
            }
            let reached = message.header.map_or(0, |header| header.revision);
            // The answer to the creation of the watch has a revision too, and is no promise.
            let progress = message.events.is_empty() && !message.created;
            if progress && last.is_some_and(|last| u64::try_from(reached).is_ok_and(|reached| reached >= last)) {
                return Ok(events);
            }
            let at = zero.elapsed();
            for event in message.events {
                let revision = event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
                from = from.max(u64::try_from(revision)? + 1);
                events.push((at, event));
            }
        }
    }
}

async fn open(socket: &Path, prefix: &str, from: Revision) -> Result<Watch> {
    Etcd::connect(socket.to_owned()).await?.watch(prefix, from).await
}
