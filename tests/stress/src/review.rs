//! A small admission webhook over TLS, for the tests' own webhooks.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// More than an API server sends.
const BODY_LIMIT: usize = 8 << 20;

/// A certificate that vouches for itself.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What a webhook configuration has to know.
    pub certificate: String,
    /// The key, in PEM.
    pub key: String,
}

impl Identity {
    /// Makes one for an address.
    pub fn of(address: Ipv4Addr) -> Result<Self> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([address.to_string()])?.self_signed(&key)?;
        Ok(Self { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    fn acceptor(&self) -> Result<TlsAcceptor> {
        let chain = vec![CertificateDer::from_pem_slice(self.certificate.as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())?;
        let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// What a webhook says to an object.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Yes.
    Allow,
    /// No, with this code and these words.
    Deny(u16, String),
}

/// Answers reviews until the returned task is aborted. An object of the probe's name is always refused, by which it is seen
/// that an API server asks.
pub async fn serve<F, R>(
    at: SocketAddrV4,
    identity: &Identity,
    probe: &'static str,
    answer: F,
) -> Result<tokio::task::JoinHandle<()>>
where
    F: Fn(Value) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    let acceptor = identity.acceptor()?;
    let listener = TcpListener::bind(at).await.with_context(|| format!("listening on {at}"))?;
    Ok(tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            connections.spawn(async move {
                // An API server that breaks off says why in its own log.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request| respond(request, probe, answer.clone()));
                let mut http = http1::Builder::new();
                let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }))
}

async fn respond<F, R>(
    request: hyper::Request<Incoming>,
    probe: &str,
    answer: F,
) -> Result<Response<Full<Bytes>>, Infallible>
where
    F: Fn(Value) -> R,
    R: Future<Output = Answer>,
{
    let body = Limited::new(request.into_body(), BODY_LIMIT).collect().await;
    let review: Option<Value> = body.ok().and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
    let text = match review {
        Some(review) => {
            let uid = review["request"]["uid"].clone();
            let answer = if review["request"]["object"]["metadata"]["name"] == probe {
                Answer::Deny(403, probe.to_owned())
            } else {
                answer(review).await
            };
            envelope(&uid, &answer).to_string()
        }
        None => String::new(),
    };
    let mut response = Response::new(Full::from(text));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn envelope(uid: &Value, answer: &Answer) -> Value {
    let response = match answer {
        Answer::Allow => json!({"uid": uid, "allowed": true}),
        Answer::Deny(code, message) => {
            json!({"uid": uid, "allowed": false, "status": {"code": code, "message": message}})
        }
    };
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}
