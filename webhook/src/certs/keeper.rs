//! Keeps the webhook's own certificate fresh and the API server told of its CA and of the path to call.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt, stream::select_all};
use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    core::v1::Secret,
};
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, DefaultBackoff},
    },
};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    bundle::{Bundle, IssueError},
    configurations::{self, InjectError, Told, inject},
    overlap::Overlap,
    pace::Pace,
    rotation::{self, Situation, Step, Wish},
    secret::{SecretError, Store, Stored},
    terms::Terms,
};
use crate::{
    clock::Clock,
    health::Health,
    ledger::Peers,
    paths::Paths,
    tls::{Certificate, CertificateError},
};

/// How often everything is looked at, changed or not: a watch can be silent. At least so often in an overlap:
/// whoever takes a step of a rotation relies upon the other replicas' having learned of the one before.
const INSPECTION: Duration = Duration::from_secs(600);
const INSPECTIONS: u32 = 4;
/// The shortest and the longest time that a round is given.
const ROUND: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// And how often at most, when nothing changes.
const SHORTEST: Duration = Duration::from_millis(100);
/// How soon a failed round is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// How often replicas may get in each other's way before that is an error.
const ATTEMPTS: u32 = 10;

/// What the certificate is for.
pub struct Settings {
    /// The namespace of the Secret.
    pub namespace: String,
    /// The Secret's name.
    pub secret: String,
    /// The name of both webhook configurations.
    pub configuration: String,
    /// The names and addresses that the certificate bears.
    pub names: Vec<String>,
    /// How long certificates last.
    pub terms: Terms,
}

impl Settings {
    /// All configurations that are told the CA.
    fn configurations(&self) -> [String; 2] {
        configurations::names(&self.configuration)
    }
}

/// The keeper of the certificate.
pub struct Keeper {
    client: Client,
    settings: Settings,
    clock: Clock,
    certificate: Arc<Certificate>,
    paths: Arc<Paths>,
    peers: Arc<Peers>,
    health: Arc<Health>,
    /// The bundle that this replica serves by.
    known: Option<Bundle>,
    overlap: Overlap,
    pace: Pace,
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Inject(#[from] InjectError),
    #[error("the Secret changed {ATTEMPTS} times while it was written; it is tried again")]
    Contended,
}

impl Keeper {
    /// Keeps a certificate of these settings.
    pub fn new(
        client: Client,
        settings: Settings,
        clock: Clock,
        certificate: Arc<Certificate>,
        (paths, peers): (Arc<Paths>, Arc<Peers>),
        health: Arc<Health>,
    ) -> Self {
        let (overlap, pace) = (Overlap::default(), Pace::default());
        Self { client, settings, clock, certificate, paths, peers, health, known: None, overlap, pace }
    }

    /// Works for ever: at start, whenever the Secret or a configuration changes, and from time to time.
    pub async fn run(mut self) {
        let mut changes = self.changes();
        loop {
            let kept = timeout(self.round(), self.keep()).await;
            if !matches!(kept, Ok(Ok(_))) {
                // It may have told an API server something without having noted since when.
                self.overlap = Overlap::default();
            }
            let next = match kept {
                Ok(Ok(next)) => next,
                Ok(Err(error)) => {
                    tracing::error!(%error, "the certificate is not in order");
                    RETRY
                }
                Err(_) => {
                    tracing::error!("no answer while the certificate was looked after");
                    RETRY
                }
            };
            tokio::select! {
                _ = changes.next() => {}
                () = sleep_until(Instant::now() + next) => {}
            }
        }
    }

    /// One round: takes what the Secret holds into use, tells the API server whom to trust, and makes what is due. Says
    /// when to look again.
    async fn keep(&mut self) -> Result<Duration, KeepError> {
        let secrets = Api::namespaced(self.client.clone(), &self.settings.namespace);
        let store = Store::new(secrets, self.settings.secret.clone());
        for _ in 0..ATTEMPTS {
            let stored = store.read().await?;
            let (step, base) = self.look(&stored).await?;
            if step == Step::Nothing {
                return Ok(self.until_next());
            }
            let wait = self.pace.left(Instant::now());
            if !wait.is_zero() {
                return Ok(wait);
            }
            let Settings { names, terms, .. } = &self.settings;
            let made = rotation::after(step, base, names, terms, self.clock.now())?;
            let granted = matches!(
                (step, stored.wish()),
                (Step::Announce, _) | (Step::AnnouncePath, Some(Wish::Path)) | (Step::Renew, Some(Wish::Certificate))
            );
            if store.write(stored, &made, granted).await? {
                self.pace.wrote(Instant::now());
                tracing::info!(secret = self.settings.secret, ?step, "wrote the certificates");
            }
        }
        Err(KeepError::Contended)
    }

    /// Takes into use what can be used, and decides what is to be done, to which bundle.
    async fn look(&mut self, stored: &Stored) -> Result<(Step, Option<Bundle>), KeepError> {
        let usable = stored.bundle().filter(|bundle| bundle.authority.facts(self.clock.now()).is_some());
        let Some(bundle) = usable else {
            // Somebody emptied the Secret, perhaps because its keys are known: whoever still serves goes on with what it
            // has until the next CA can take over. Only where nobody does, all is made at once.
            let step = if self.known.is_some() { Step::Announce } else { Step::Everything };
            return Ok((step, self.known.clone()));
        };
        let taken = self.certificate.replace(bundle.certificate.as_bytes(), bundle.key.as_bytes());
        // Before any API server is told.
        self.paths.replace(bundle.paths());
        let trusted = bundle.trusted();
        // All replicas answer by the path that API servers are told.
        self.peers.share(&trusted, &bundle.authority.path);
        let told = Told { trusted: &trusted, path: &bundle.authority.path };
        let mut changed = false;
        for configuration in self.settings.configurations() {
            changed |= inject(&self.client, &configuration, told).await?;
        }
        let (told, now) = (told_with(&bundle), Instant::now());
        self.overlap.saw(&told, changed, now);
        let Settings { names, terms, .. } = &self.settings;
        let situation = Situation {
            bundle: &bundle,
            names,
            wish: stored.wish(),
            settled: self.overlap.left(&told, terms.overlap().unsigned_abs(), now).is_zero(),
            now: self.clock.now(),
        };
        let step = rotation::next(&situation, terms);
        match taken {
            Ok(()) => self.health.set_certificate(),
            Err(error) if step == Step::Nothing => return Err(error.into()),
            // The step will mend it.
            Err(_) => {}
        }
        self.known = Some(bundle.clone());
        Ok((step, Some(bundle)))
    }

    fn until_next(&self) -> Duration {
        let Settings { terms, .. } = &self.settings;
        let Some(bundle) = &self.known else { return self.inspection() };
        let rotating = bundle.next.is_some() || bundle.previous.is_some();
        let next = if rotating {
            self.overlap.left(&told_with(bundle), terms.overlap().unsigned_abs(), Instant::now())
        } else {
            rotation::until_due(bundle, terms, self.clock.now())
        };
        next.clamp(SHORTEST, self.inspection())
    }

    fn inspection(&self) -> Duration {
        (self.settings.terms.overlap().unsigned_abs() / INSPECTIONS).clamp(SHORTEST, INSPECTION)
    }

    fn round(&self) -> Duration {
        (self.settings.terms.overlap().unsigned_abs() / INSPECTIONS).clamp(ROUND.0, ROUND.1)
    }

    fn changes(&self) -> impl Stream<Item = ()> + Unpin + use<> {
        let Settings { namespace, secret, configuration, .. } = &self.settings;
        let [_, further] = self.settings.configurations();
        let named = |name: &str| watcher::Config::default().fields(&format!("metadata.name={name}"));
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let validating: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let granted = validating.clone();
        let mutating: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        select_all([
            touched(watcher::watcher(secrets, named(secret))),
            touched(watcher::watcher(validating, named(configuration))),
            touched(watcher::watcher(granted, named(&further))),
            touched(watcher::watcher(mutating, named(configuration))),
        ])
    }
}

/// All that API servers are told of a bundle, and all that replicas answer by: who takes a step gives the other replicas time, too, to
/// learn of the step before.
fn told_with(bundle: &Bundle) -> String {
    bundle.paths().iter().fold(bundle.trusted(), |told, path| told + path.reveal())
}

/// One item per change, whatever it is; the round that follows looks for itself.
fn touched<K: Send + 'static>(
    events: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
) -> futures::stream::BoxStream<'static, ()> {
    let changes = events.backoff(DefaultBackoff::default()).filter_map(async |event| match event {
        Ok(watcher::Event::Apply(_) | watcher::Event::InitApply(_)) => Some(()),
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(%error, "a watch broke off and starts again");
            None
        }
    });
    changes.boxed()
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use axum::http::{Method, Request, Response};
    use serde_json::json;

    use super::*;

    /// A cluster in which somebody else empties the Secret between any two looks at it.
    fn spoiled(writes: Arc<AtomicUsize>) -> Client {
        let answer = tower::service_fn(move |request: Request<kube::client::Body>| {
            let writes = Arc::clone(&writes);
            async move {
                if request.method() != Method::GET {
                    writes.fetch_add(1, Ordering::Relaxed);
                }
                let empty = json!({"metadata": {"name": "x", "resourceVersion": "1"}}).to_string();
                Ok::<_, Infallible>(Response::new(kube::client::Body::from(empty.into_bytes())))
            }
        });
        Client::new(answer, "system")
    }

    #[test]
    fn the_other_replicas_get_time_to_learn_of_another_path() {
        let (names, terms, now) = (["a.svc".to_owned()], Terms::usual(), Clock::default().now());
        let bundle = Bundle::issue(&names, &terms, now).expect("a bundle");
        let after =
            |step, bundle: &Bundle| rotation::after(step, Some(bundle.clone()), &names, &terms, now).expect("a bundle");
        let announced = after(Step::AnnouncePath, &bundle);
        assert_ne!(told_with(&bundle), told_with(&announced));
        assert_ne!(told_with(&announced), told_with(&after(Step::Take, &announced)));
    }

    fn keeper(client: Client, secret: &str) -> Keeper {
        let settings = Settings {
            namespace: "system".to_owned(),
            secret: secret.to_owned(),
            configuration: "x".to_owned(),
            names: vec!["a.svc".to_owned()],
            terms: Terms::usual(),
        };
        let peers = (Paths::secret(), Arc::new(Peers::new(String::new(), None)));
        Keeper::new(client, settings, Clock::default(), Arc::default(), peers, Arc::default())
    }

    /// A cluster of which every second look at the Secret gets no answer, and no watch shows anything.
    fn half_dead(looks: Arc<AtomicUsize>) -> Client {
        let answer = tower::service_fn(move |request: Request<kube::client::Body>| {
            let look = request.uri().path().ends_with("/secrets/x");
            let nth = if look { looks.fetch_add(1, Ordering::Relaxed) } else { 0 };
            async move {
                if !look || nth % 2 == 0 {
                    std::future::pending::<()>().await;
                }
                let failed = json!({"kind": "Status", "status": "Failure", "code": 500}).to_string();
                let response = Response::builder().status(500).body(kube::client::Body::from(failed.into_bytes()));
                Ok::<_, Infallible>(response.expect("a response"))
            }
        });
        Client::new(answer, "system")
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_replica_did_is_learned_well_within_the_overlap() {
        let looks = Arc::new(AtomicUsize::new(0));
        let keeper = keeper(half_dead(Arc::clone(&looks)), "x");
        let overlap = keeper.settings.terms.overlap().unsigned_abs();
        assert!(keeper.round() + keeper.until_next() <= overlap / 2, "a round without an answer, and the next");
        tokio::spawn(keeper.run());
        tokio::time::sleep(overlap).await;
        assert!(looks.load(Ordering::Relaxed) >= 8, "{looks:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_others_do_this_replica_writes_with_pauses() {
        let writes = Arc::new(AtomicUsize::new(0));
        let mut keeper = keeper(spoiled(Arc::clone(&writes)), "x");
        let start = Instant::now();
        while writes.load(Ordering::Relaxed) < 4 {
            let next = keeper.keep().await.expect("a round");
            assert!(!next.is_zero());
            // As if every look were at a change.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(start.elapsed() >= Duration::from_secs(3 * 5), "{:?}", start.elapsed());
    }
}
