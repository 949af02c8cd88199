//! Keeps the webhook's own certificate fresh and the API server told of its CA.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt, stream::select_all};
use jiff::Timestamp;
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
use tokio::time::{Instant, sleep_until};

use super::{
    configurations::{InjectError, inject},
    pace::Pace,
    secret::{SecretError, ensure},
};
use crate::{
    health::Health,
    tls::{Certificate, CertificateError},
};

/// How often the ends of the certificates are looked at.
const INSPECTION: Duration = Duration::from_secs(3600);
/// How soon a failed round is tried again.
const RETRY: Duration = Duration::from_secs(2);

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
}

/// The keeper of the certificate.
pub struct Keeper {
    client: Client,
    settings: Settings,
    certificate: Arc<Certificate>,
    health: Arc<Health>,
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Inject(#[from] InjectError),
}

impl Keeper {
    /// Keeps a certificate of these settings.
    pub fn new(client: Client, settings: Settings, certificate: Arc<Certificate>, health: Arc<Health>) -> Self {
        Self { client, settings, certificate, health }
    }

    /// Works for ever: at start, whenever the Secret or a configuration changes, and from time to time.
    pub async fn run(self) {
        let mut changes = self.changes();
        let mut pace = Pace::default();
        loop {
            let next = match self.keep(&mut pace).await {
                Ok(()) => {
                    self.health.set_certificate();
                    INSPECTION
                }
                Err(error) => {
                    tracing::error!(%error, "the certificate is not in order");
                    RETRY
                }
            };
            tokio::select! {
                _ = changes.next() => {}
                () = sleep_until(Instant::now() + next) => {}
            }
        }
    }

    async fn keep(&self, pace: &mut Pace) -> Result<(), KeepError> {
        let Settings { namespace, secret, configuration, names } = &self.settings;
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let bundle = ensure(&secrets, secret, names, now(), pace).await?;
        self.certificate.replace(bundle.certificate.as_bytes(), bundle.key.as_bytes())?;
        Ok(inject(&self.client, configuration, &bundle.ca_certificate).await?)
    }

    fn changes(&self) -> impl Stream<Item = ()> + Unpin + use<> {
        let Settings { namespace, secret, configuration, .. } = &self.settings;
        let named = |name: &str| watcher::Config::default().fields(&format!("metadata.name={name}"));
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let validating: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let mutating: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        select_all([
            touched(watcher::watcher(secrets, named(secret))),
            touched(watcher::watcher(validating, named(configuration))),
            touched(watcher::watcher(mutating, named(configuration))),
        ])
    }
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

#[allow(clippy::disallowed_methods, reason = "certificates end by the clock")]
fn now() -> Timestamp {
    Timestamp::now()
}
