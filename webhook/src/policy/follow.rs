//! Follows the policy object.

use std::{pin::pin, sync::Arc, time::Duration};

use backup_api::policy::{BackupPolicy, POLICY_NAME};
use backup_policy::Config;
use futures::StreamExt;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    runtime::{
        WatchStreamExt,
        watcher::{self, DefaultBackoff, Event},
    },
};
use tokio::time::{Instant, sleep_until};

use super::{
    current::Current,
    judge::{InForce, Report},
    publish::Publisher,
    series::Series,
};
use crate::{clock::Clock, health::Health, jitter};

/// Replicas write the status at different moments, so that mostly one does and the others find it done.
const SPREAD: Duration = Duration::from_millis(1500);
/// How often the status is looked at when nothing happened.
const INSPECTION: Duration = Duration::from_secs(30);

/// The follower of the policy object.
pub struct Follower {
    policies: Api<DynamicObject>,
    base: Config,
    current: Current,
    series: Series,
    health: Arc<Health>,
    clock: Clock,
}

/// What the watch says of the object.
enum Seen {
    Object(Box<DynamicObject>),
    Nothing,
}

impl Follower {
    /// Follows with this client, over what holds without a policy.
    pub fn new(
        client: Client,
        base: Config,
        current: Current,
        series: Series,
        health: Arc<Health>,
        clock: Clock,
    ) -> Self {
        // As it is stored, without a type: a policy that no type fits must be told, and not end the watch.
        let policies = Api::all_with(client, &ApiResource::erase::<BackupPolicy>(&()));
        Self { policies, base, current, series, health, clock }
    }

    /// Works for ever, and calls `on_change` with each configuration that is put in force, the first one included.
    pub async fn run(self, on_change: impl Fn(&Config)) {
        let config = watcher::Config::default().fields(&format!("metadata.name={POLICY_NAME}"));
        let mut events = pin!(watcher::watcher(self.policies.clone(), config).backoff(DefaultBackoff::default()));
        let mut publisher = Publisher::new(self.policies.clone());
        let mut state = InForce::without(&self.base);
        let (mut listed, mut begun) = (None, false);
        let mut inspection = Instant::now() + INSPECTION;
        loop {
            tokio::select! {
                Some(event) = events.next() => {
                    let Some(seen) = self.seen(event, &mut listed) else { continue };
                    state = self.judge(&state, seen);
                    let changed = self.current.replace(&state.config);
                    self.series.judged(&state, changed);
                    if changed || !begun {
                        on_change(&state.config);
                    }
                    begun = true;
                    self.health.set_policy();
                    inspection = Instant::now() + jitter::below(SPREAD);
                }
                () = sleep_until(inspection), if begun => {
                    if let Err(error) = publisher.publish(&state, &[], self.clock.now()).await {
                        self.series.failed("status");
                        tracing::warn!(%error, "cannot write the policy's status");
                    }
                    inspection = Instant::now() + INSPECTION + jitter::below(SPREAD);
                }
                else => return,
            }
        }
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
                tracing::info!("the cluster does not know BackupPolicies: built-in values hold");
                Some(Seen::Nothing)
            }
            Err(error) => {
                self.series.failed("unreadable");
                tracing::warn!(%error, "cannot read the policy; what is in force stays");
                None
            }
        }
    }

    fn judge(&self, before: &InForce, seen: Seen) -> InForce {
        let state = match seen {
            Seen::Nothing => InForce::without(&self.base),
            Seen::Object(object) => match serde_json::to_value(object) {
                Ok(object) => before.judged(&self.base, &object),
                Err(error) => {
                    tracing::error!(%error, "cannot read the policy; what is in force stays");
                    return before.clone();
                }
            },
        };
        if state.report != before.report {
            note(&state.report);
        }
        state
    }
}

fn note(report: &Report) {
    match report {
        Report::Absent => tracing::info!("there is no policy: built-in values hold"),
        Report::Used { generation, doubts } => tracing::info!(generation, doubts, "the policy is in force"),
        Report::Refused { generation, mistakes, kept } => {
            tracing::error!(generation, mistakes, kept, "the policy cannot be used; what was in force stays");
        }
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
