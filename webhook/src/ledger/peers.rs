//! The other replicas: claims are handed to the one that writes the ledger.

use std::{
    collections::HashMap,
    net::SocketAddr,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use backup_ledger::{Key, Object, Standing, Uid};
use http::{Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Limited};
use kube::{Client, Config, client::Body};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::{
    decision::{Ask, Decision},
    lead::Lead,
    times,
};
use crate::paths::PathSecret;

/// The path that replicas call each other by.
pub const PATH: &str = "/claim";
/// The answer to a claim whose time is over.
pub const OVERDUE: StatusCode = StatusCode::GATEWAY_TIMEOUT;
/// How often it is looked at whether the other still writes: a claim of one that does not is better off here.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(1);
/// How many claims may be on their way to others at once: each takes a connection there, of which API servers need theirs.
const ON_THEIR_WAY: usize = 64;
/// What of its time a claim leaves for the way back: one that waits to the end is then refused with the reason, and who handed it
/// over hears that before its own time is over.
const WAY_BACK: Duration = Duration::from_millis(300);
/// A claim with less time than this is not handed over.
pub const SHORTEST: Duration = Duration::from_millis(600);
/// An answer names the holders of a quota at most.
const ANSWER_LIMIT: usize = 1 << 20;

/// A claim on its way from replica to replica. Only claims that the limit binds are.
#[derive(Debug, Serialize, Deserialize)]
pub struct Handed {
    /// The counted resource.
    pub resource: String,
    namespace: String,
    name: String,
    uid: String,
    user: String,
    /// The limit that the claim is to be decided by.
    pub limit: u32,
    /// How many milliseconds it has; a replica of an earlier version does not tell, and waits as long as any.
    #[serde(default = "usual")]
    left: u64,
}

fn usual() -> u64 {
    milliseconds(times::PATIENCE)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Handed {
    fn new(resource: &str, ask: &Ask, limit: u32, left: Duration) -> Self {
        let Object { key, uid } = &ask.object;
        Self {
            resource: resource.to_owned(),
            namespace: key.namespace().to_owned(),
            name: key.name().to_owned(),
            uid: uid.to_string(),
            user: ask.user.clone(),
            limit,
            left: milliseconds(left),
        }
    }

    /// Until when it has to be decided, when it arrived now.
    pub fn deadline(&self, now: Instant) -> Instant {
        now + Duration::from_millis(self.left).min(times::PATIENCE).saturating_sub(WAY_BACK)
    }

    /// What is asked.
    pub fn ask(&self) -> Ask {
        Ask {
            object: Object::new(Key::new(&self.namespace, &self.name), Uid::new(&self.uid)),
            user: self.user.clone(),
            dry_run: false,
            batch: 1,
            standing: Standing::Limited,
        }
    }
}

/// Another replica did not decide a claim.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// Enough are on their way to it already.
    #[error("too many claims are on their way")]
    Busy,
    /// It is not known how to call one another.
    #[error("no certificate or path of its own")]
    Unknown,
    /// It did not answer in time.
    #[error("no answer")]
    Late,
    /// It did not come to it in the claim's time.
    #[error("it has too much to do")]
    Overdue,
    /// It writes no more, and did not answer so far.
    #[error("it writes no more")]
    Silent,
    /// The connection failed.
    #[error(transparent)]
    Client(#[from] Box<kube::Error>),
    /// It answered otherwise.
    #[error("it answered HTTP {0}")]
    Status(StatusCode),
    /// The answer is none.
    #[error("an answer that is none")]
    Answer,
    /// It said that it cannot decide just now.
    #[error("it is not ready, or has another policy in force")]
    Undecided,
}

impl PeerError {
    /// In one word, for the metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Late => "late",
            Self::Overdue => "overdue",
            Self::Silent => "silent",
            Self::Unknown | Self::Client(_) => "unreachable",
            Self::Status(_) | Self::Answer | Self::Undecided => "undecided",
        }
    }
}

/// How replicas call one another: by the certificate and the path that all of them share.
pub struct Peers {
    name: String,
    own: Option<SocketAddr>,
    on_their_way: Semaphore,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    shared: Option<Shared>,
    clients: HashMap<SocketAddr, Client>,
}

struct Shared {
    trusted: Vec<Vec<u8>>,
    path: PathSecret,
}

impl Peers {
    /// For replicas whose certificates bear this name, of which this one is reached there.
    pub fn new(name: String, own: Option<SocketAddr>) -> Self {
        Self { name, own, on_their_way: Semaphore::new(ON_THEIR_WAY), known: Mutex::default() }
    }

    /// Where this one is reached.
    pub fn own(&self) -> Option<SocketAddr> {
        self.own
    }

    /// Trusts these CAs and calls by this path from now on.
    pub fn share(&self, trusted: &str, path: &PathSecret) {
        let certificates = CertificateDer::pem_slice_iter(trusted.as_bytes());
        let trusted: Vec<_> = certificates.filter_map(|one| one.ok().map(|one| one.to_vec())).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.shared.as_ref().is_some_and(|shared| shared.trusted == trusted && shared.path == *path);
        if !same {
            *known = Known { shared: Some(Shared { trusted, path: path.clone() }), clients: HashMap::new() };
        }
    }

    /// Lets another replica decide by that limit, as long as it is the one that writes.
    pub async fn ask(
        &self,
        (at, lead): (SocketAddr, &Lead),
        (resource, limit): (&str, u32),
        ask: &Ask,
        by: Instant,
    ) -> Result<Decision, PeerError> {
        let _on_its_way = self.on_their_way.try_acquire().map_err(|_| PeerError::Busy)?;
        let (client, path) = self.client(at)?;
        let left = by.saturating_duration_since(Instant::now());
        let body = serde_json::to_vec(&Handed::new(resource, ask, limit, left)).map_err(|_| PeerError::Answer)?;
        let request = Request::builder().method(Method::POST).uri(path).header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body)).map_err(|_| PeerError::Answer)?;
        let answer = async {
            let answer = client.send(request).await.map_err(Box::new)?;
            match answer.status() {
                OVERDUE => return Err(PeerError::Overdue),
                status if !status.is_success() => return Err(PeerError::Status(status)),
                _ => {}
            }
            let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
            let body = body.map_err(|_| PeerError::Answer)?.to_bytes();
            serde_json::from_slice::<Option<Decision>>(&body)
                .map_err(|_| PeerError::Answer)?
                .ok_or(PeerError::Undecided)
        };
        let mut answer = pin!(answer);
        loop {
            match timeout_at(by.min(Instant::now() + PATIENCE), &mut answer).await {
                Ok(answer) => return answer,
                Err(_) if lead.other() == Some(at) && Instant::now() < by => {}
                Err(_) if lead.other() == Some(at) => return Err(PeerError::Late),
                Err(_) => return Err(PeerError::Silent),
            }
        }
    }

    fn client(&self, at: SocketAddr) -> Result<(Client, String), PeerError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = known.shared.as_ref().ok_or(PeerError::Unknown)?;
        let path = format!("{PATH}/{}", shared.path.reveal());
        if let Some(client) = known.clients.get(&at) {
            return Ok((client.clone(), path));
        }
        let mut config = Config::new(format!("https://{at}").parse().map_err(|_| PeerError::Unknown)?);
        config.root_cert = Some(shared.trusted.clone());
        config.tls_server_name = Some(self.name.clone());
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT);
        let client = Client::try_from(config).map_err(Box::new)?;
        known.clients.insert(at, client.clone());
        Ok((client, path))
    }
}

#[cfg(test)]
mod tests;
