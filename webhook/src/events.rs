//! Events about objects, at a pace that nobody outside sets: whoever asks again and again must not fill the cluster with them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio::time::{Instant, timeout};

/// Between two events of any kind, and between two about refusals in one namespace.
const PAUSE: Duration = Duration::from_millis(200);
const NAMESPACE_PAUSE: Duration = Duration::from_secs(30);
/// Namespaces whose last event is remembered.
const REMEMBERED: usize = 1_024;
/// What an event's note may have.
const NOTE: usize = 1_000;
/// The longest that posting one may take.
const POST_TIME: Duration = Duration::from_secs(5);

/// Posts events of one origin.
pub struct Events {
    recorder: Recorder,
    pace: Mutex<Pace>,
}

/// An event on its way.
pub type Posting = BoxFuture<'static, ()>;

/// When the last ones went.
#[derive(Default)]
struct Pace {
    last: Option<Instant>,
    namespaces: HashMap<String, Instant>,
}

impl Pace {
    fn allows(&mut self, now: Instant) -> bool {
        let soon = self.last.is_some_and(|last| now.duration_since(last) < PAUSE);
        if !soon {
            self.last = Some(now);
        }
        !soon
    }

    fn allows_in(&mut self, namespace: &str, now: Instant) -> bool {
        if self.namespaces.len() >= REMEMBERED {
            self.namespaces.retain(|_, last| now.duration_since(*last) < NAMESPACE_PAUSE);
        }
        let recent = self.namespaces.get(namespace).is_some_and(|last| now.duration_since(*last) < NAMESPACE_PAUSE);
        let allowed = !recent && self.namespaces.len() < REMEMBERED && self.allows(now);
        if allowed {
            self.namespaces.insert(namespace.to_owned(), now);
        }
        allowed
    }
}

impl Events {
    /// Posts through this client.
    pub fn new(client: Client) -> Self {
        let recorder = Recorder::new(client, Reporter { controller: "backup-webhook".to_owned(), instance: None });
        Self { recorder, pace: Mutex::default() }
    }

    /// What happened to an object.
    pub fn told(&self, about: ObjectReference, reason: &'static str, note: &str) -> Option<Posting> {
        self.pace().allows(Instant::now()).then(|| self.post(about, reason, note))
    }

    /// That an object was refused: told once in a while in each namespace, however many are.
    pub fn refused(&self, about: ObjectReference, reason: &'static str, note: &str) -> Option<Posting> {
        let allowed = self.pace().allows_in(about.namespace.as_deref().unwrap_or_default(), Instant::now());
        allowed.then(|| self.post(about, reason, note))
    }

    fn post(&self, about: ObjectReference, reason: &'static str, note: &str) -> Posting {
        let mut note = note.to_owned();
        note.truncate(note.floor_char_boundary(NOTE));
        let event = Event {
            type_: EventType::Warning,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Admission".to_owned(),
            secondary: None,
        };
        let recorder = self.recorder.clone();
        Box::pin(async move {
            let kind = about.kind.as_deref().unwrap_or_default();
            match timeout(POST_TIME, recorder.publish(&event, &about)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, kind, reason, "cannot post an event"),
                Err(_) => tracing::warn!(kind, reason, "an event was not taken in time"),
            }
        })
    }

    fn pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_namespace_is_told_too_often_and_all_together_not_either() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert!(pace.allows_in("a", now));
        assert!(!pace.allows_in("b", now) && !pace.allows(now), "one right after another");
        let later = now + PAUSE;
        assert!(pace.allows_in("b", later) && !pace.allows_in("a", later + PAUSE));
        assert!(pace.allows_in("a", now + NAMESPACE_PAUSE));
        // Whoever makes namespaces makes no memory of ours grow.
        let mut at = now + NAMESPACE_PAUSE * 2;
        pace.namespaces.extend((0..REMEMBERED).map(|n| (format!("n{n}"), at)));
        at += PAUSE;
        assert!(!pace.allows_in("more", at) && pace.namespaces.len() <= REMEMBERED + 2);
        assert!(pace.allows_in("more", at + NAMESPACE_PAUSE) && pace.namespaces.len() == 1);
    }
}
