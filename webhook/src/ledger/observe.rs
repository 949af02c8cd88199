//! The watches: of the counted resource and of its ledger.

use std::{sync::Arc, time::Duration};

use backup_ledger::Event;
use futures::StreamExt;
use kube::{
    Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Error, watch_object, watcher},
    },
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{sleep, timeout},
};

use super::{
    counted::{Counted, Seen, find},
    lead::Lead,
    store::{Store, copy},
    task::Heard,
    times::LIST,
    trouble::Trouble,
};
use crate::jitter;

/// Between two questions whether a resource that was not served is served by now; a claim for it asks at once.
const ABSENT: Duration = Duration::from_secs(5);

/// What the watch of the counted resource shows.
#[derive(Debug)]
pub enum Sight {
    /// It begins anew with a list.
    Began,
    /// An object exists.
    Exists(Seen),
    /// Exactly this object was deleted.
    Deleted(Seen),
    /// The list is complete.
    Complete,
}

/// Where the watch of the counted resource tells what it sees.
pub struct Observer {
    /// The client.
    pub client: Client,
    /// The resource, as `plural.group`.
    pub resource: String,
    /// How it is served, once that is known.
    pub counted: watch::Sender<Option<Counted>>,
    /// What is seen.
    pub sights: mpsc::Sender<Sight>,
    /// Somebody knows that the resource is served.
    pub wake: Arc<Notify>,
    /// Where it is told that the objects cannot be read.
    pub trouble: Trouble,
}

impl Observer {
    /// Watches for ever. A resource that is not served is waited for.
    pub async fn run(self) {
        loop {
            let counted = self.discover().await;
            self.counted.send_replace(Some(counted.clone()));
            if self.watch(&counted).await.is_none() {
                return;
            }
        }
    }

    async fn discover(&self) -> Counted {
        let mut told = false;
        loop {
            match timeout(LIST, find(&self.client, &self.resource)).await {
                Ok(Ok(Some(counted))) => return counted,
                Ok(Ok(None)) if !told => {
                    tracing::info!(
                        resource = self.resource,
                        "the cluster does not have this resource yet; it is waited for"
                    );
                    told = true;
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, resource = self.resource, "cannot ask how this resource is served");
                }
                Err(_) => tracing::warn!(resource = self.resource, "no answer to how this resource is served"),
            }
            // Either somebody creates one, or it is time to ask again.
            drop(timeout(ABSENT + jitter::below(ABSENT), self.wake.notified()).await);
        }
    }

    /// Watches until the resource is not served any more as it was; nothing when nobody listens any more.
    async fn watch(&self, counted: &Counted) -> Option<()> {
        let events = watcher(counted.all(&self.client), watcher::Config::default()).default_backoff();
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            let sight = match event {
                Ok(watcher::Event::Init) => Some(Sight::Began),
                Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                    counted.see(&object.metadata).map(Sight::Exists)
                }
                Ok(watcher::Event::Delete(object)) => counted.see(&object.metadata).map(Sight::Deleted),
                Ok(watcher::Event::InitDone) => {
                    self.trouble.read(Ok(()));
                    Some(Sight::Complete)
                }
                Err(error) => {
                    tracing::warn!(%error, resource = self.resource, "the watch of the counted objects broke off");
                    if is_not_served(&error) {
                        return Some(());
                    }
                    if let Error::InitialListFailed(kube::Error::Api(status)) = &error {
                        let why = format!("the webhook cannot list {}: {}", self.resource, status.message);
                        self.trouble.read(Err(&why));
                    }
                    None
                }
            };
            if let Some(sight) = sight {
                self.sights.send(sight).await.ok()?;
            }
        }
        Some(())
    }
}

fn is_not_served(error: &Error) -> bool {
    let (Error::InitialListFailed(kube::Error::Api(status)) | Error::WatchStartFailed(kube::Error::Api(status))) =
        error
    else {
        return false;
    };
    status.code == 404
}

/// Watches the ledger for ever.
pub async fn watch_ledger(store: Store, events: mpsc::UnboundedSender<Heard>, lead: Arc<Lead>) {
    loop {
        // What is there at first may be old.
        let mut first = true;
        let mut seen = std::pin::pin!(watch_object(store.api(), store.name()).default_backoff());
        while let Some(event) = seen.next().await {
            match event {
                Ok(ledger) => {
                    let status = ledger.as_ref().and_then(|ledger| ledger.status.as_ref());
                    if let Some(status) = status.filter(|_| !std::mem::take(&mut first)) {
                        lead.seen(&status.writer);
                    }
                    if events.send(Heard::Event(Event::LedgerWatched(ledger.and_then(copy)))).is_err() {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, ledger = store.name(), "the watch of the ledger broke off"),
            }
        }
        sleep(jitter::below(ABSENT)).await;
    }
}
