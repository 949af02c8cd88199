//! The Secret in which all replicas share one bundle.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, ResourceExt,
    api::{ObjectMeta, PostParams},
};

use super::{
    bundle::{Bundle, IssueError, Need},
    pace::Pace,
};

const CA_CERTIFICATE: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
/// How often replicas may get in each other's way before that is an error.
const ATTEMPTS: u32 = 10;

/// The bundle could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The API server refused or was not there.
    #[error("cannot keep the certificate in Secret {name}: {source}; check that the manifests are applied")]
    Api {
        /// The Secret's name.
        name: String,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
    /// The certificate could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// Others changed the Secret all the time.
    #[error("Secret {name} changed {ATTEMPTS} times while it was written; it is tried again")]
    Contended {
        /// The Secret's name.
        name: String,
    },
}

/// Reads the bundle, after making or renewing what it lacks. Whoever writes first wins; all others take that bundle.
pub async fn ensure(
    secrets: &Api<Secret>,
    name: &str,
    names: &[String],
    now: Timestamp,
    pace: &mut Pace,
) -> Result<Bundle, SecretError> {
    let failed = |source| SecretError::Api { name: name.to_owned(), source: Box::new(source) };
    for _ in 0..ATTEMPTS {
        let present = secrets.get_opt(name).await.map_err(failed)?;
        let bundle = present.as_ref().and_then(bundle);
        let need = bundle.as_ref().map_or(Need::Everything, |bundle| bundle.need(names, now));
        let renewed = match (need, bundle) {
            (Need::Nothing, Some(bundle)) => return Ok(bundle),
            _ if pace.waited().await => continue,
            (Need::Certificate, Some(bundle)) => bundle.renewed(names, now)?,
            _ => Bundle::issue(names, now)?,
        };
        // A replace carries the resource version that was read, so that it fails where another replica was faster.
        let written = match present {
            Some(mut secret) => {
                secret.data.get_or_insert_default().append(&mut data(&renewed));
                secrets.replace(name, &PostParams::default(), &secret).await
            }
            None => secrets.create(&PostParams::default(), &new(name, &renewed)).await,
        };
        match written {
            Ok(secret) => {
                pace.wrote();
                tracing::info!(secret = secret.name_any(), "made a certificate");
                return Ok(renewed);
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(SecretError::Contended { name: name.to_owned() })
}

fn new(name: &str, bundle: &Bundle) -> Secret {
    Secret {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        data: Some(data(bundle)),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

fn data(bundle: &Bundle) -> BTreeMap<String, ByteString> {
    [
        (CA_CERTIFICATE, &bundle.ca_certificate),
        (CA_KEY, &bundle.ca_key),
        (CERTIFICATE, &bundle.certificate),
        (KEY, &bundle.key),
    ]
    .map(|(field, pem)| (field.to_owned(), ByteString(pem.clone().into_bytes())))
    .into()
}

fn bundle(secret: &Secret) -> Option<Bundle> {
    let field = |name| String::from_utf8(secret.data.as_ref()?.get(name)?.0.clone()).ok();
    Some(Bundle {
        ca_certificate: field(CA_CERTIFICATE)?,
        ca_key: field(CA_KEY)?,
        certificate: field(CERTIFICATE)?,
        key: field(KEY)?,
    })
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use axum::http::{Method, Request, Response};
    use serde_json::json;

    use super::*;

    /// A cluster in which somebody else empties the Secret between any two looks at it.
    fn spoiled(writes: Arc<AtomicUsize>) -> Api<Secret> {
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
        Api::namespaced(kube::Client::new(answer, "system"), "system")
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_others_do_this_replica_writes_with_pauses() {
        let (writes, mut pace) = (Arc::new(AtomicUsize::new(0)), Pace::default());
        let secrets = spoiled(Arc::clone(&writes));
        let now = "2026-01-31T12:00:00Z".parse().expect("a time");
        let start = tokio::time::Instant::now();
        for _ in 0..4 {
            ensure(&secrets, "x", &["a.svc".to_owned()], now, &mut pace).await.expect("a bundle");
        }
        assert_eq!(writes.load(Ordering::Relaxed), 4);
        assert!(start.elapsed() >= Duration::from_secs(3 * 5), "{:?}", start.elapsed());
    }

    #[test]
    fn a_bundle_survives_its_secret() {
        let now = "2026-01-31T12:00:00Z".parse().expect("a time");
        let written = Bundle::issue(&["a.svc".to_owned()], now).expect("a bundle");
        assert!(bundle(&new("x", &written)) == Some(written));
        assert!(bundle(&Secret::default()).is_none());
    }
}
