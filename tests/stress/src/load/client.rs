//! One client: it takes the next number, asks, and takes away what it made.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::{sync::watch, time::sleep};

use super::api::{APPLY, Call, JSON, PATCH, Server, collection, manifest, object, release};
use super::outcome;
use super::plan::{Plan, plan};
use crate::history::{Attempt, Form, Outcome, Ticket};

/// Tries to take an object away again while API servers are down; what is left is swept.
const CLEANING_TRIES: u32 = 5;
const CLEANING_PAUSE: Duration = Duration::from_millis(300);

/// Before the next try after one that no API server answered: such tries say little and would be most of a run.
const UNREACHED_PAUSE: Duration = Duration::from_millis(500);

/// What all clients share.
pub struct Shared {
    /// The API servers; the clients are spread over them.
    pub servers: Vec<Server>,
    /// The start of the run.
    pub zero: Instant,
    /// Fixes all tries.
    pub seed: u64,
    /// The next number.
    pub next: AtomicU32,
    /// No more tries than this.
    pub most: u32,
    /// Set when enough was tried.
    pub enough: AtomicBool,
    /// How often a client was told that the quota is full.
    pub full: AtomicU32,
    /// Whether objects live long.
    pub lingering: watch::Sender<bool>,
}

/// One client.
pub struct LoadClient {
    shared: Arc<Shared>,
    server: Server,
    user: String,
}

impl LoadClient {
    /// The client of that number.
    pub fn new(shared: Arc<Shared>, index: usize) -> Option<Self> {
        let server = shared.servers.get(index % shared.servers.len().max(1))?.clone();
        Some(Self { shared, server, user: format!("stress-{index}") })
    }

    /// Tries until there was enough.
    pub async fn run(self) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        while !self.shared.enough.load(Ordering::Relaxed) {
            let ticket = self.shared.next.fetch_add(1, Ordering::Relaxed);
            if ticket >= self.shared.most {
                break;
            }
            let plan = plan(self.shared.seed, ticket);
            let start = self.shared.zero.elapsed();
            let (outcome, made) = self.create(ticket, &plan).await;
            let end = self.shared.zero.elapsed();
            let unreached = matches!(outcome, Outcome::Failed(_));
            if outcome == Outcome::Full {
                self.shared.full.fetch_add(1, Ordering::Relaxed);
            }
            attempts.push(Attempt { ticket, form: plan.form, start, end, outcome });
            if let Some(name) = made {
                self.take_away(&plan, &name).await;
            } else if unreached {
                sleep(UNREACHED_PAUSE).await;
            }
        }
        attempts
    }

    /// Asks. The name is told of an object that was made.
    async fn create(&self, ticket: Ticket, plan: &Plan) -> (Outcome, Option<String>) {
        let metadata = match plan.form {
            Form::Generated => json!({"generateName": plan.name}),
            _ => json!({"name": plan.name}),
        };
        let held = plan.held.is_some();
        let body = manifest(metadata, ticket, held).to_string();
        let (method, path, content) = match plan.form {
            Form::Applied => {
                let path = object(&plan.namespace, &plan.name);
                (Method::PATCH, format!("{path}?fieldManager=stress&force=true"), APPLY)
            }
            Form::DryRun => (Method::POST, format!("{}?dryRun=All", collection(&plan.namespace)), JSON),
            _ => (Method::POST, collection(&plan.namespace), JSON),
        };
        let call = Call { user: &self.user, method, path: &path, content, body };
        match self.server.send(call).await {
            Ok((status, body)) => {
                let outcome = outcome::read(status, &body);
                let made = (outcome == Outcome::Created && plan.form != Form::DryRun).then(|| name_in(&body));
                (outcome, made.flatten())
            }
            Err(error) => (Outcome::Failed(first_words(&error)), None),
        }
    }

    async fn take_away(&self, plan: &Plan, name: &str) {
        live(plan.life, self.shared.lingering.subscribe()).await;
        self.again(Method::DELETE, &plan.namespace, name, String::new()).await;
        if let Some(held) = plan.held {
            sleep(held).await;
            self.release(&plan.namespace, name).await;
        }
    }

    async fn release(&self, namespace: &str, name: &str) {
        let Ok(found) = self.server.get(&object(namespace, name)).await else { return };
        let finalizers = found["metadata"]["finalizers"].as_array().map_or(&[][..], Vec::as_slice);
        if let Some(patch) = release(finalizers) {
            self.again(Method::PATCH, namespace, name, patch).await;
        }
    }

    /// Until an API server has taken note.
    async fn again(&self, method: Method, namespace: &str, name: &str, body: String) {
        let path = object(namespace, name);
        for _ in 0..CLEANING_TRIES {
            let call =
                Call { user: &self.user, method: method.clone(), path: &path, content: PATCH, body: body.clone() };
            match self.server.send(call).await {
                Ok((status, _)) if !status.is_server_error() => return,
                _ => sleep(CLEANING_PAUSE).await,
            }
        }
    }
}

/// Lets an object live that long, and as long as objects linger: "full" is only said after all slots were looked at, none of which may
/// change hands meanwhile.
async fn live(life: Duration, mut lingering: watch::Receiver<bool>) {
    sleep(life).await;
    // Nobody ends it any more when the load is gone.
    drop(lingering.wait_for(|on| !on).await);
}

fn name_in(body: &[u8]) -> Option<String> {
    let object: Value = serde_json::from_slice(body).ok()?;
    object["metadata"]["name"].as_str().map(str::to_owned)
}

/// Enough of an error to tell its kind from others.
fn first_words(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    for known in ["no answer in time", "Connection refused", "Connection reset", "connection closed", "tls"] {
        if text.contains(known) {
            return known.to_owned();
        }
    }
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use tokio::time::{self, timeout};

    use super::*;

    const LIFE: Duration = Duration::from_millis(300);

    #[tokio::test(start_paused = true)]
    async fn objects_that_linger_live_until_that_ends() {
        let lingering = watch::Sender::new(true);
        let long = tokio::spawn(live(LIFE, lingering.subscribe()));
        sleep(Duration::from_secs(3600)).await;
        assert!(!long.is_finished());
        lingering.send_replace(false);
        timeout(LIFE, long).await.expect("it ends at once").expect("it does not fail");
        let begun = time::Instant::now();
        live(LIFE, lingering.subscribe()).await;
        assert_eq!(begun.elapsed(), LIFE, "its own time only");
    }
}
