//! Over real TLS on the loopback.

use std::{
    future::{pending, poll_fn},
    sync::Arc,
};

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

/// Another replica with this certificate, which decides by a limit of 3, cannot by 4, refuses by 6 at the end of the claim's time, tells
/// by 7 how many milliseconds that is, and by any other is silent.
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
            7 => Some(Decision::Later { message: handed.left.to_string(), retry_after: 2 }),
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

fn ask() -> Ask {
    Ask {
        object: Object::new(Key::new("shop", "a"), Uid::new("u")),
        user: "ann".to_owned(),
        dry_run: false,
        batch: 1,
        standing: Standing::Limited,
    }
}

/// Whether the other is seen to write after the claim was handed over.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Writes,
    IsSilent,
}

async fn asked(peers: &Peers, at: SocketAddr, limit: u32) -> Result<Decision, &'static str> {
    asked_for(peers, at, limit, Duration::from_secs(60), Then::Writes).await
}

async fn asked_for(
    peers: &Peers,
    at: SocketAddr,
    limit: u32,
    left: Duration,
    then: Then,
) -> Result<Decision, &'static str> {
    let lead = Lead::new(peers.own(), Arc::<Health>::default());
    let writes = || lead.seen(&at.to_string());
    writes();
    let (ask, by) = (ask(), Instant::now() + left);
    let mut answer = pin!(peers.ask((at, &lead), (RESOURCE, limit), &ask, by));
    // Just before whatever is done for the answer, so that no stop of this process comes between.
    let answer = poll_fn(|context| {
        if then == Then::Writes {
            writes();
        }
        answer.as_mut().poll(context)
    });
    answer.await.map_err(|error| error.outcome())
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

/// The claim has less time than the other would take by itself: so what it has is told.
#[test]
fn a_refusal_at_the_end_of_the_time_leaves_some_for_the_way_back() {
    let now = Instant::now();
    let decided_after = |left: Duration| {
        let sent = serde_json::to_vec(&Handed::new(RESOURCE, &ask(), 3, left)).expect("JSON");
        let handed: Handed = serde_json::from_slice(&sent).expect("a claim");
        handed.deadline(now) - now
    };
    let milliseconds = Duration::from_millis;
    assert_eq!(decided_after(milliseconds(900)), milliseconds(900) - WAY_BACK);
    assert_eq!(decided_after(SHORTEST), SHORTEST - WAY_BACK);
    assert_eq!(decided_after(milliseconds(200)), Duration::ZERO);
    assert_eq!(decided_after(milliseconds(60_000)), times::PATIENCE - WAY_BACK, "no claim waits longer");
}

/// While the other goes on writing it is waited for.
#[tokio::test]
async fn a_refusal_at_the_end_of_the_time_comes_with_its_reason() {
    let ours = bundle();
    let (at, stop) = replica(&ours).await;
    let sharing = peers(&ours.trusted(), &ours.authority.path);
    assert_eq!(asked(&sharing, at, 3).await, Ok(Decision::Admitted), "from now on there is a connection");
    let refused = Decision::Later { message: "the reason".to_owned(), retry_after: 2 };
    assert_eq!(asked(&sharing, at, 6).await, Ok(refused));
    let short = Duration::from_millis(300);
    assert_eq!(asked_for(&sharing, at, 5, short, Then::Writes).await, Err("late"), "it does not answer at all");
    let Ok(Decision::Later { message, .. }) = asked(&sharing, at, 7).await else { panic!("it tells the time") };
    let left: u64 = message.parse().expect("milliseconds");
    assert!((50_000..=60_000).contains(&left), "{left} ms of a minute");
    stop.cancel();
}

#[tokio::test]
async fn one_that_falls_silent_is_not_waited_for_until_the_claim_is_too_late() {
    let ours = bundle();
    let (at, stop) = replica(&ours).await;
    let begun = Instant::now();
    let sharing = peers(&ours.trusted(), &ours.authority.path);
    assert_eq!(asked_for(&sharing, at, 5, Duration::from_secs(60), Then::IsSilent).await, Err("silent"));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    stop.cancel();
}
