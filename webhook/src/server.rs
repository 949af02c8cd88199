//! Connections: accepted, bounded, drained.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, RETRY_AFTER},
    },
};
use futures::future::{Either, pending};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use crate::metrics::Load;
use places::{Places, Seat};

mod places;

/// How much a server takes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections that are open at once. What comes beyond waits for a place.
    pub connections: usize,
    /// Connections from one address, so that one cannot take all. An API server holds at most 25 idle ones, and beyond
    /// them as many as it has requests in flight; behind a balancer, or a cluster's network, all API servers are one address.
    pub per_address: usize,
    /// How long a newcomer waits for a place, until it is told to come back.
    pub patience: Duration,
    /// How long a connection must have been idle until it may be closed for a newcomer: one that has just come, or was just
    /// answered, is about to ask.
    pub grace: Duration,
    /// Time for the TLS handshake, and then for the first request's header.
    pub first_contact: Duration,
    /// Time for the next request's header. An API server drops idle connections after 90 s; were we the first to, a
    /// request could meet a closing connection and fail.
    pub idle: Duration,
    /// Time for requests in flight once no new connections are taken.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            per_address: 384,
            patience: Duration::from_millis(1500),
            grace: Duration::from_secs(1),
            first_contact: Duration::from_secs(5),
            idle: Duration::from_secs(180),
            drain: Duration::from_secs(15),
        }
    }
}

impl Limits {
    /// For the port of probes and metrics, whose callers connect anew when they find their connection closed.
    pub fn of_admin_port() -> Self {
        Self { idle: Duration::from_secs(5), grace: Duration::ZERO, ..Self::default() }
    }
}

/// With an answer: whoever asked did so as only API servers do, and keeps the connection.
#[derive(Debug, Clone, Copy)]
pub struct KnownCaller;

/// Newcomers that are told at the same time to come back, beyond those that have places.
const TURNED_AWAY_AT_ONCE: usize = 64;
/// Connections that are open, wait or are turned away, by the number of places. To tell more than these would be too much.
const MOST: usize = 4;

/// Pause when the process is out of file descriptors: the listener stays readable and would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Serves a router on a listener until `stop`, counting into `load`; then lets the requests in flight end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    load: Load,
    stop: CancellationToken,
) {
    let places = Places::new(limits);
    let lobby = Arc::new(Semaphore::new(TURNED_AWAY_AT_ONCE));
    let tracker = TaskTracker::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        if tracker.len() > limits.connections * MOST {
            load.turned_away();
            tracing::warn!(%peer, "too many connections, one is closed");
            continue;
        }
        let (places, lobby) = (Arc::clone(&places), Arc::clone(&lobby));
        let (tls, router, load, stop) = (tls.clone(), router.clone(), load.clone(), stop.clone());
        tracker.spawn(async move {
            let Some(seat) = places.take(peer.ip()).await else {
                load.turned_away();
                tracing::warn!(%peer, "too many requests in flight, a connection is turned away");
                let Ok(Ok(_told)) = timeout(limits.patience, lobby.acquire()).await else { return };
                if let Err(error) = turn_away(stream, tls, limits).await {
                    tracing::debug!(%error, %peer, "connection ended");
                }
                return;
            };
            let _open = load.connection();
            if let Err(error) = connection(stream, seat, tls, router, limits, stop).await {
                if matches!(error, ConnectionError::Replaced) {
                    load.replaced();
                }
                tracing::debug!(%error, %peer, "connection ended");
            }
        });
    }
    drop(listener);
    tracker.close();
    if timeout(limits.drain, tracker.wait()).await.is_err() {
        tracing::warn!(connections = tracker.len(), "connections did not end in time");
    }
}

async fn connection(
    stream: TcpStream,
    seat: Seat,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> Result<(), ConnectionError> {
    stream.set_nodelay(true)?;
    match tls {
        None => http(stream, seat, router, limits, stop).await,
        Some(tls) => {
            let handshake = timeout(limits.first_contact, tls.accept(stream));
            let stream = tokio::select! {
                stream = handshake => stream.map_err(|_| ConnectionError::Silent)??,
                () = seat.lost() => return Err(ConnectionError::Replaced),
            };
            http(stream, seat, router, limits, stop).await
        }
    }
}

async fn http<S>(
    stream: S,
    seat: Seat,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> Result<(), ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let seat = Arc::new(seat);
    let spoken = Arc::new(AtomicBool::new(false));
    let service = {
        let (seat, spoken) = (Arc::clone(&seat), Arc::clone(&spoken));
        service_fn(move |request: hyper::Request<Incoming>| {
            spoken.store(true, Ordering::Relaxed);
            seat.busy();
            let answer = router.clone().call(request.map(Body::new));
            let seat = Arc::clone(&seat);
            async move {
                let mut answer = answer.await.unwrap_or_else(|never| match never {});
                if answer.extensions().get::<KnownCaller>().is_some() {
                    seat.known();
                }
                if seat.idle() {
                    answer.headers_mut().insert(CONNECTION, CLOSE);
                }
                Ok::<_, Infallible>(answer)
            }
        })
    };
    let mut builder = http1::Builder::new();
    // hyper's header timeout also bounds the idle time between two requests, so that the first header has its own below.
    builder.timer(TokioTimer::new()).header_read_timeout(limits.idle);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut first_contact = std::pin::pin!(Either::Left(sleep(limits.first_contact)));
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = seat.lost() => return Err(ConnectionError::Replaced),
            () = first_contact.as_mut() => {
                if !spoken.load(Ordering::Relaxed) {
                    return Err(ConnectionError::Silent);
                }
                first_contact.set(Either::Right(pending()));
            }
        }
    }
}

/// Tells a newcomer to come back: an API server does so by itself, and whoever waits for it notices nothing.
async fn turn_away(stream: TcpStream, tls: Option<TlsAcceptor>, limits: Limits) -> Result<(), ConnectionError> {
    stream.set_nodelay(true)?;
    let told = async {
        match tls {
            None => tell_to_come_back(stream).await,
            Some(tls) => tell_to_come_back(tls.accept(stream).await?).await,
        }
    };
    timeout(limits.patience, told).await.map_err(|_| ConnectionError::Silent)?
}

async fn tell_to_come_back<S>(stream: S) -> Result<(), ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(async |request: hyper::Request<Incoming>| {
        // Were its body left unread, the answer could be lost with the connection.
        let mut body = request.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        let mut answer = hyper::Response::new(String::from("too many requests at once; try again\n"));
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        answer.headers_mut().extend([(RETRY_AFTER, HeaderValue::from_static("1")), (CONNECTION, CLOSE)]);
        Ok::<_, Infallible>(answer)
    });
    Ok(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?)
}

#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("no request came in time")]
    Silent,
    #[error("another connection took its place")]
    Replaced,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

#[cfg(test)]
mod tests;
