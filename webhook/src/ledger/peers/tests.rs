//! Over real TLS on the loopback.

use std::{future::pending, sync::Arc};

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use tokio::{net::TcpListener, time::sleep_until};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    certs::{Bundle, Terms},
    clock::Clock,
    health::Health,
    metrics::Load,
    server::{Limits, serve},
    tls::{Certificate, server_config},
};

const NAME: &str = "backup-webhook.system.svc";
const RESOURCE: &str = "schedules.velero.io";

fn bundle() -> Bundle {
    drop(rustls::crypto::ring::default_provider().install_default());
    Bundle::issue(&[NAME.to_owned()], &Terms::usual(), Clock::default().now()).expect("a bundle")
}

/// Another replica with this certificate, which decides by a limit of 3, cannot by 4, refuses by 6 at the end of the claim's time, and
/// by any other is silent.
async fn replica(bundle: &Bundle) -> (SocketAddr, CancellationToken) {
    let certificate = Certificate::default();
    certificate.replace(bundle.certificate.as_bytes(), bundle.key.as_bytes()).expect("a certificate");
    let known = bundle.authority.path.reveal().to_owned();
    let decide = post(move |Path(secret): Path<String>, Json(handed): Json<Handed>| async move {
        if secret != known {
            return StatusCode::NOT_FOUND.into_response();
        }
        let decision = match handed.limit {
            3 => Some(Decision::Admitted),
            4 => None,
            6 => {
                sleep_until(handed.deadline(Instant::now())).await;
                Some(Decision::Later { message: "the reason".to_owned(), retry_after: 2 })
            }
            _ => pending::<Option<Decision>>().await,
        };
        Response::into_response(Json(decision).into_response())
    });
    let router = Router::new().route(&format!("{PATH}/{{secret}}"), decide);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let tls = TlsAcceptor::from(Arc::new(server_config(Arc::new(certificate), None, Clock::default())));
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, Some(tls), router, Limits::default(), Load::default(), stop.clone()));
    (at, stop)
}

fn peers(trusted: &str, path: &PathSecret) -> Peers {
    let peers = Peers::new(NAME.to_owned(), "127.0.0.1:1".parse().ok());
    peers.share(trusted, path);
    peers
}

async fn asked(peers: &Peers, at: SocketAddr, limit: u32) -> Result<Decision, &'static str> {
    asked_for(peers, at, limit, Duration::from_secs(60)).await
}

async fn asked_for(peers: &Peers, at: SocketAddr, limit: u32, left: Duration) -> Result<Decision, &'static str> {
    let lead = Lead::new(peers.own(), Arc::<Health>::default());
    lead.seen(&at.to_string());
    let ask = Ask {
        object: Object::new(Key::new("shop", "a"), Uid::new("u")),
        user: "ann".to_owned(),
        dry_run: false,
        standing: Standing::Limited,
    };
    let by = Instant::now() + left;
    peers.ask((at, &lead), (RESOURCE, limit), &ask, by).await.map_err(|error| error.outcome())
}

#[tokio::test]
async fn a_claim_is_decided_by_whoever_shares_certificate_and_path() {
    let ours = bundle();
    let (at, stop) = replica(&ours).await;
    let sharing = peers(&ours.trusted(), &ours.authority.path);
    assert_eq!(asked(&sharing, at, 3).await, Ok(Decision::Admitted));
    assert_eq!(asked(&sharing, at, 4).await, Err("undecided"), "it cannot just now");
    let other = bundle();
    assert_eq!(asked(&peers(&ours.trusted(), &other.authority.path), at, 3).await, Err("undecided"), "another path");
    assert_eq!(asked(&peers(&other.trusted(), &ours.authority.path), at, 3).await, Err("unreachable"), "another CA");
    let unshared = Peers::new(NAME.to_owned(), "127.0.0.1:1".parse().ok());
    assert_eq!(asked(&unshared, at, 3).await, Err("unreachable"), "nothing is shared yet");
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    assert_eq!(asked(&sharing, nobody, 3).await, Err("unreachable"), "nobody listens");
    stop.cancel();
}

/// The claim has less time than the other would take by itself; and while the other goes on writing it is waited for.
#[tokio::test]
async fn a_refusal_at_the_end_of_the_time_comes_with_its_reason() {
    let ours = bundle();
    let (at, stop) = replica(&ours).await;
    let sharing = peers(&ours.trusted(), &ours.authority.path);
    assert_eq!(asked(&sharing, at, 3).await, Ok(Decision::Admitted), "from now on there is a connection");
    let refused = Decision::Later { message: "the reason".to_owned(), retry_after: 2 };
    assert_eq!(asked_for(&sharing, at, 6, Duration::from_millis(900)).await, Ok(refused));
    assert_eq!(asked_for(&sharing, at, 5, Duration::from_millis(300)).await, Err("late"), "it does not answer at all");
    stop.cancel();
}

#[tokio::test]
async fn one_that_falls_silent_is_not_waited_for_until_the_claim_is_too_late() {
    let ours = bundle();
    let (at, stop) = replica(&ours).await;
    let begun = Instant::now();
    assert_eq!(asked(&peers(&ours.trusted(), &ours.authority.path), at, 5).await, Err("silent"));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    stop.cancel();
}
