//! What the log, the metrics and people are told of one quota.

use std::{collections::HashMap, time::Duration};

use backup_ledger::{Key, Notice, Object};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio::time::{Instant, timeout};

use super::{counted::Counted, series::Series, times::REQUEST};

/// Between two events of any kind, and between two about refusals in one namespace: whoever asks again and again must not
/// fill the cluster with events.
const PAUSE: Duration = Duration::from_millis(200);
const NAMESPACE_PAUSE: Duration = Duration::from_secs(30);
/// Namespaces whose last event is remembered.
const REMEMBERED: usize = 1_024;
/// What an event's note may have.
const NOTE: usize = 1_000;

/// Tells of one quota.
pub struct Report {
    /// The metrics.
    pub series: Series,
    resource: String,
    recorder: Recorder,
    last: Option<Instant>,
    refused: HashMap<String, Instant>,
}

/// An event on its way.
pub type Posting = BoxFuture<'static, ()>;

impl Report {
    /// Tells of a quota by these metrics and through this client.
    pub fn new(series: Series, client: Client, resource: &str) -> Self {
        let recorder = Recorder::new(client, Reporter { controller: "backup-webhook".to_owned(), instance: None });
        Self { series, resource: resource.to_owned(), recorder, last: None, refused: HashMap::new() }
    }

    /// Something was written that people may want to know.
    pub fn notice(&mut self, notice: &Notice, counted: Option<&Counted>) -> Option<Posting> {
        let resource = self.resource.as_str();
        match notice {
            Notice::Adopted(object) => {
                self.series.adopted(resource);
                tracing::warn!(
                    resource,
                    key = %object.key,
                    uid = %object.uid,
                    "an object was created that nobody had claimed: a create passed this webhook by"
                );
                let note = "Created without being asked for: it takes a slot of the cluster's quota, beyond the limit if need be. \
                            A create passed the backup webhook by.";
                self.post(counted?, object, EventType::Warning, "QuotaAdopted", note.to_owned())
            }
            Notice::Released(object, proof) => {
                self.series.released(resource, *proof);
                tracing::info!(resource, key = %object.key, uid = %object.uid, ?proof, "a slot's object is gone");
                None
            }
            Notice::Ready => {
                tracing::info!(resource, "the ledger is ready");
                None
            }
        }
    }

    /// An object was refused because the quota is full.
    pub fn full(&mut self, object: &Object, counted: Option<&Counted>, message: &str) -> Option<Posting> {
        let (namespace, now) = (object.key.namespace().to_owned(), Instant::now());
        if self.refused.len() >= REMEMBERED {
            self.refused.retain(|_, last| now.duration_since(*last) < NAMESPACE_PAUSE);
        }
        let recent = self.refused.get(&namespace).is_some_and(|last| now.duration_since(*last) < NAMESPACE_PAUSE);
        if recent || self.refused.len() >= REMEMBERED {
            return None;
        }
        let posting = self.post(counted?, object, EventType::Warning, "QuotaExceeded", message.to_owned())?;
        self.refused.insert(namespace, now);
        Some(posting)
    }

    fn post(
        &mut self,
        counted: &Counted,
        object: &Object,
        type_: EventType,
        reason: &str,
        mut note: String,
    ) -> Option<Posting> {
        let now = Instant::now();
        if self.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            return None;
        }
        self.last = Some(now);
        note.truncate(note.floor_char_boundary(NOTE));
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Admission".to_owned(),
            secondary: None,
        };
        let about = about(counted, object);
        let (recorder, resource) = (self.recorder.clone(), self.resource.clone());
        Some(Box::pin(async move {
            match timeout(REQUEST, recorder.publish(&event, &about)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, resource, reason = event.reason, "cannot post an event"),
                Err(_) => tracing::warn!(resource, reason = event.reason, "an event was not taken in time"),
            }
        }))
    }
}

fn about(counted: &Counted, object: &Object) -> ObjectReference {
    let part = |key: fn(&Key) -> &str| Some(key(&object.key).to_owned()).filter(|text| !text.is_empty());
    ObjectReference {
        api_version: Some(counted.api_resource.api_version.clone()),
        kind: Some(counted.api_resource.kind.clone()),
        namespace: part(Key::namespace),
        name: part(Key::name),
        uid: Some(object.uid.to_string()),
        ..ObjectReference::default()
    }
}
