//! What controllers have said about an object.

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api,
    api::ListParams,
    runtime::{WatchStreamExt as _, watcher},
};

use crate::{
    client::Cluster,
    error::{Doing as _, Result},
};

/// The object that events are about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its kind, such as `PersistentVolumeClaim`.
    pub kind: &'a str,
    /// Its namespace; cluster-scoped objects have their events in `default`.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID: an earlier object of the same name has events too.
    pub uid: Option<&'a str>,
}

impl About<'_> {
    /// The field selector that finds the events.
    pub fn selector(&self) -> String {
        let mut selector = format!("involvedObject.kind={},involvedObject.name={}", self.kind, self.name);
        if let Some(uid) = self.uid {
            selector.push_str(&format!(",involvedObject.uid={uid}"));
        }
        selector
    }
}

/// Lists the events of an object, the oldest first.
///
/// # Errors
/// When events may not be listed.
pub async fn of(cluster: &Cluster, about: About<'_>) -> Result<Vec<Event>> {
    let api: Api<Event> = Api::namespaced(cluster.client.clone(), about.namespace);
    let list = api
        .list(&ListParams::default().fields(&about.selector()))
        .await
        .doing(|| format!("list events in namespace {:?}", about.namespace))?;
    let mut events = list.items;
    events.sort_by_key(when);
    Ok(events)
}

/// Returns when an event was last seen.
pub fn when(event: &Event) -> Option<Timestamp> {
    let last = event.last_timestamp.as_ref().or(event.first_timestamp.as_ref()).map(|time| time.0);
    last.or_else(|| event.event_time.as_ref().map(|time| time.0)).or(event
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0))
}

/// Returns an event as `Reason: message`.
pub fn text(event: &Event) -> String {
    format!("{}: {}", event.reason.as_deref().unwrap_or("Unknown"), event.message.as_deref().unwrap_or_default().trim())
}

/// Watches the events of an object until `pick` takes one. Never ends when events may not be watched: they only make
/// a wait shorter.
pub async fn first<T>(cluster: &Cluster, about: About<'_>, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
    first_at(cluster, about, |event, _| pick(event)).await
}

/// Whether an event was there before it was watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// It was.
    Before,
    /// It came, or came again, since.
    Since,
}

/// The same, where it matters whether an event is new.
pub async fn first_at<T>(cluster: &Cluster, about: About<'_>, mut pick: impl FnMut(&Event, At) -> Option<T>) -> T {
    let api: Api<Event> = Api::namespaced(cluster.client.clone(), about.namespace);
    let config = watcher::Config::default().fields(&about.selector());
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                let picked = match &event {
                    watcher::Event::InitApply(event) => pick(event, At::Before),
                    watcher::Event::Apply(event) => pick(event, At::Since),
                    watcher::Event::Init | watcher::Event::InitDone | watcher::Event::Delete(_) => None,
                };
                if let Some(picked) = picked {
                    return picked;
                }
            }
            Err(
                watcher::Error::InitialListFailed(kube::Error::Api(status))
                | watcher::Error::WatchStartFailed(kube::Error::Api(status)),
            ) if status.code == 403 => {
                break;
            }
            // Any other break is taken up again after a pause that grows.
            Err(_) => {}
        }
    }
    std::future::pending().await
}
