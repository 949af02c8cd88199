//! Follows the policy object.

use std::{pin::pin, sync::Arc, time::Duration};

use backup_api::policy::{BackupPolicy, POLICY_NAME, QuotaCount};
use backup_policy::Config;
use futures::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Client, Resource as _,
    api::{ApiResource, DynamicObject},
    runtime::{
        WatchStreamExt,
        events::{self, EventType, Recorder, Reporter},
        watcher::{self, DefaultBackoff, Event},
    },
};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    absence::{Absence, Verdict},
    current::Current,
    judge::{InForce, Report},
    publish::{Found, Publisher, Version, read},
    series::Series,
};
use crate::{clock::Clock, health::Health, jitter};

/// Replicas write the status at different moments, so that mostly one does and the others find it done.
const SPREAD: Duration = Duration::from_millis(1500);
/// How often the status is looked at when nothing happened.
const INSPECTION: Duration = Duration::from_secs(10);
/// The longest that one question to the API server may take.
const LOOK: Duration = Duration::from_secs(5);

/// The follower of the policy object.
pub struct Follower {
    policies: Api<DynamicObject>,
    base: Config,
    current: Current,
    series: Series,
    health: Arc<Health>,
    clock: Clock,
    grace: Duration,
    recorder: Recorder,
}

/// What the watch, or the store, says of the object.
enum Seen {
    Object(Box<DynamicObject>),
    Nothing,
}

impl Seen {
    fn version(&self) -> Option<Version> {
        match self {
            Self::Object(object) => Some(Version::of(object)),
            Self::Nothing => None,
        }
    }
}

impl Follower {
    /// Follows with this client, over what holds without a policy; one that is missing stays in force for `grace`.
    pub fn new(
        client: Client,
        base: Config,
        current: Current,
        series: Series,
        health: Arc<Health>,
        clock: Clock,
        grace: Duration,
    ) -> Self {
        let recorder =
            Recorder::new(client.clone(), Reporter { controller: "backup-webhook".to_owned(), instance: None });
        // As it is stored, without a type: a policy that no type fits must be told, and not end the watch.
        let policies = Api::all_with(client, &ApiResource::erase::<BackupPolicy>(&()));
        Self { policies, base, current, series, health, clock, grace, recorder }
    }

    /// Works for ever, and calls `on_change` with each configuration that is put in force, the first one included.
    /// `quotas` says how the quotas stand.
    pub async fn run(self, on_change: impl Fn(&Config), quotas: impl Fn() -> Vec<QuotaCount>) {
        let config = watcher::Config::default().fields(&format!("metadata.name={POLICY_NAME}"));
        let mut events = pin!(watcher::watcher(self.policies.clone(), config).backoff(DefaultBackoff::default()));
        let mut publisher = Publisher::new(self.policies.clone());
        let mut absence = Absence::new(self.grace);
        let mut state = InForce::without(&self.base);
        let (mut listed, mut begun, mut judged) = (None, false, None);
        let mut inspection = Instant::now() + INSPECTION;
        loop {
            let look = absence.look_at();
            let next = tokio::select! {
                Some(event) = events.next() => {
                    let Some(seen) = self.seen(event, &mut listed) else { continue };
                    let version = seen.version();
                    // A watch that lagged behind what the store itself said.
                    if version.as_ref().zip(judged.as_ref()).is_some_and(|(seen, judged)| seen.is_before(judged)) {
                        continue;
                    }
                    judged = version;
                    self.judge(&state, seen, &mut absence)
                }
                () = sleep_until(look.unwrap_or(inspection)), if look.is_some() => {
                    let there = self.is_there().await;
                    if absence.looked(there, Instant::now()) == Verdict::Keep { continue }
                    judged = None;
                    InForce::without(&self.base)
                }
                () = sleep_until(inspection), if begun => {
                    let another = self.publish(&mut publisher, &state, judged.as_ref(), &quotas()).await;
                    inspection = Instant::now() + INSPECTION + jitter::below(SPREAD);
                    // The watch has not shown it: it may be silent for minutes.
                    let Some(seen) = another else { continue };
                    judged = seen.version();
                    self.judge(&state, seen, &mut absence)
                }
                else => return,
            };
            if next.report != state.report {
                self.tell(&next.report, &state.report);
            }
            state = next;
            let changed = self.current.replace(&state.config);
            self.series.judged(&state, changed, self.clock.now());
            if changed || !begun {
                on_change(&state.config);
            }
            begun = true;
            self.health.set_policy();
            inspection = Instant::now() + jitter::below(SPREAD);
        }
    }

    /// Writes the status, and gives back what the store has when that is another policy than was judged. An API server that
    /// does not answer must not keep the watch from being heard.
    async fn publish(
        &self,
        publisher: &mut Publisher,
        state: &InForce,
        judged: Option<&Version>,
        quotas: &[QuotaCount],
    ) -> Option<Seen> {
        match timeout(LOOK, publisher.publish(state, judged, quotas, self.clock.now())).await {
            Ok(Ok(Found::InForce)) => self.series.confirmed(self.clock.now()),
            Ok(Ok(Found::Judged)) => {}
            Ok(Ok(Found::Another(object))) => return Some(object.map_or(Seen::Nothing, Seen::Object)),
            Ok(Err(error)) => {
                self.series.failed("status");
                tracing::warn!(%error, "cannot write the policy's status");
            }
            Err(_) => {
                self.series.failed("status");
                tracing::warn!(seconds = LOOK.as_secs(), "no answer while the policy's status was written");
            }
        }
        None
    }

    /// The object's state, when the event completes one. A list that ends without it says that there is none.
    fn seen(&self, event: watcher::Result<Event<DynamicObject>>, listed: &mut Option<DynamicObject>) -> Option<Seen> {
        match event {
            Ok(Event::Init) => {
                *listed = None;
                None
            }
            Ok(Event::InitApply(object)) => {
                *listed = Some(object);
                None
            }
            Ok(Event::InitDone) => Some(listed.take().map_or(Seen::Nothing, |object| Seen::Object(Box::new(object)))),
            Ok(Event::Apply(object)) => Some(Seen::Object(Box::new(object))),
            Ok(Event::Delete(_)) => Some(Seen::Nothing),
            Err(error) if is_unknown_type(&error) => {
                tracing::info!("the cluster does not know BackupPolicies");
                Some(Seen::Nothing)
            }
            Err(error) => {
                self.series.failed("unreadable");
                tracing::warn!(%error, "cannot read the policy; what is in force stays");
                None
            }
        }
    }

    fn judge(&self, before: &InForce, seen: Seen, absence: &mut Absence) -> InForce {
        match seen {
            Seen::Nothing => match absence.unseen(before.source.is_some(), Instant::now()) {
                Verdict::Keep => before.missing(&self.base),
                Verdict::BuiltIn => InForce::without(&self.base),
            },
            Seen::Object(object) => {
                absence.seen();
                serde_json::to_value(object).map_or_else(
                    |error| {
                        tracing::error!(%error, "cannot read the policy; what is in force stays");
                        before.clone()
                    },
                    |object| before.judged(&self.base, &object),
                )
            }
        }
    }

    /// Whether the store itself has a policy; nothing when it cannot be asked. Without a resource version, which is what
    /// this sends, no cache answers.
    async fn is_there(&self) -> Option<bool> {
        match timeout(LOOK, read(&self.policies)).await {
            Ok(Ok(found)) => Some(found.is_some()),
            Ok(Err(error)) => {
                self.series.failed("unreadable");
                tracing::warn!(%error, "cannot find out whether the policy is gone; it stays in force");
                None
            }
            Err(_) => {
                self.series.failed("unreadable");
                tracing::warn!("no answer to the question whether the policy is gone; it stays in force");
                None
            }
        }
    }

    fn tell(&self, report: &Report, before: &Report) {
        let seconds = self.grace.as_secs();
        let event = match (report, before) {
            (Report::Missing { kept }, _) => {
                tracing::warn!(kept, seconds, "the policy is not there any more; it stays in force for a while");
                let note = format!(
                    "The policy is not there any more. Its generation {kept} stays in force until it is certain that it is \
                     gone, for {seconds} s at least; then the built-in values hold."
                );
                Some(("PolicyMissing", note))
            }
            (Report::Absent, Report::Missing { .. }) => {
                tracing::warn!("the policy is gone: built-in values hold");
                Some(("PolicyGone", "The policy is gone: the built-in values hold.".to_owned()))
            }
            (Report::Absent, _) => {
                tracing::info!("there is no policy: built-in values hold");
                None
            }
            (Report::Used { generation, doubts }, _) => {
                tracing::info!(generation, doubts, "the policy is in force");
                None
            }
            (Report::Refused { generation, mistakes, kept }, _) => {
                tracing::error!(generation, mistakes, kept, "the policy cannot be used; what was in force stays");
                None
            }
        };
        if let Some((reason, note)) = event {
            tokio::spawn(post(self.recorder.clone(), reason, note));
        }
    }
}

async fn post(recorder: Recorder, reason: &'static str, note: String) {
    let event = events::Event {
        type_: EventType::Warning,
        reason: reason.to_owned(),
        note: Some(note),
        action: "FollowPolicy".to_owned(),
        secondary: None,
    };
    let about = ObjectReference {
        api_version: Some(BackupPolicy::api_version(&()).into_owned()),
        kind: Some(BackupPolicy::kind(&()).into_owned()),
        name: Some(POLICY_NAME.to_owned()),
        ..ObjectReference::default()
    };
    match timeout(LOOK, recorder.publish(&event, &about)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, reason, "cannot post an event"),
        Err(_) => tracing::warn!(reason, "an event was not taken in time"),
    }
}

/// Whether the cluster does not have the type at all.
fn is_unknown_type(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(source)
    | watcher::Error::WatchStartFailed(source)
    | watcher::Error::WatchFailed(source)) = error
    else {
        return false;
    };
    matches!(source, kube::Error::Api(status) if status.code == 404)
}

#[cfg(test)]
mod tests;
