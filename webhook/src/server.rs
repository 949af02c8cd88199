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

use axum::{Router, body::Body};
use futures::future::{Either, pending};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
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
    /// Connections that are open at once. What comes beyond takes the place of one that is idle.
    pub connections: usize,
    /// Connections from one address, so that one cannot take all. An API server holds at most 25 idle ones, and beyond
    /// them as many as it has requests in flight; behind a balancer, or a cluster's network, all API servers are one address. A
    /// connection that loses its place may just carry a request, which then fails.
    pub per_address: usize,
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
            first_contact: Duration::from_secs(5),
            idle: Duration::from_secs(180),
            drain: Duration::from_secs(15),
        }
    }
}

impl Limits {
    /// For the port of probes and metrics, whose callers connect anew when they find their connection closed.
    pub fn of_admin_port() -> Self {
        Self { idle: Duration::from_secs(5), ..Self::default() }
    }
}

/// Pause when the process is out of file descriptors: the listener stays readable and would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves a router on a listener until `stop`, counting into `load`; then lets the requests in flight end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    load: Load,
    stop: CancellationToken,
) {
    let places = Places::new(limits.connections, limits.per_address);
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
        let Some(seat) = places.take(peer.ip()) else {
            load.turned_away();
            tracing::warn!(%peer, "too many requests in flight, a connection is closed");
            continue;
        };
        let (tls, router, load, stop) = (tls.clone(), router.clone(), load.clone(), stop.clone());
        tracker.spawn(async move {
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
                let answer = answer.await.unwrap_or_else(|never| match never {});
                seat.idle();
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
