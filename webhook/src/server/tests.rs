//! Over real sockets of this machine.

use std::net::SocketAddr;

use axum::routing::get;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use super::*;
use crate::{
    certs::{Bundle, Terms},
    clock::Clock,
    tls::{Certificate, server_config},
};

/// Few places. Times that no test waits for are so long that a busy machine meets none of them.
const FEW: Limits = Limits {
    connections: 2,
    per_address: 2,
    patience: Duration::from_secs(2),
    grace: Duration::ZERO,
    first_contact: Duration::from_secs(120),
    idle: Duration::from_secs(120),
    drain: Duration::from_secs(120),
};
/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(120);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(tls: Option<TlsAcceptor>, router: Router) -> Server {
    start_with(FEW, tls, router).await
}

async fn start_with(limits: Limits, tls: Option<TlsAcceptor>, router: Router) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, tls, router, limits, Load::default(), stop.clone()));
    Server { address, stop, task }
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.expect("a connection")
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    stream.write_all(REQUEST).await.expect("it is sent");
    let mut buffer = vec![0; 1024];
    let length = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("in time").expect("an answer");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// Whether the other side closes the connection, soon and without a word.
async fn is_closed(mut stream: TcpStream) -> bool {
    let mut buffer = [0; 64];
    matches!(timeout(PATIENCE, stream.read(&mut buffer)).await, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_and_one_that_asked_may_be_idle() {
    // As long as the one that asks may take to get there.
    let server = start_with(Limits { first_contact: Duration::from_secs(3), ..FEW }, None, hello()).await;
    let mut asked = connect(&server).await;
    assert!(answer(&mut asked).await.ends_with("hello"));
    assert!(is_closed(connect(&server).await).await);
    // The silent one lasted as long as the first contact may: so the other has been idle for longer.
    assert!(answer(&mut asked).await.ends_with("hello"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_its_time() {
    assert!(Limits::of_admin_port().idle < Duration::from_secs(10), "a probe's connection is not held for minutes");
    let server = start_with(Limits { idle: Duration::from_secs(3), ..FEW }, None, hello()).await;
    let mut asked = connect(&server).await;
    assert!(answer(&mut asked).await.ends_with("hello"));
    assert!(is_closed(asked).await);
}

#[tokio::test]
async fn a_header_that_never_ends_is_given_up() {
    let server = start_with(Limits { first_contact: Duration::from_millis(500), ..FEW }, None, hello()).await;
    let mut slow = connect(&server).await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost:").await.expect("it is sent");
    assert!(is_closed(slow).await);
}

#[tokio::test]
async fn idle_connections_make_room_and_requests_in_flight_do_not() {
    let entered = Arc::new(Notify::new());
    let held = {
        let entered = Arc::clone(&entered);
        get(async move || {
            entered.notify_one();
            pending::<()>().await;
        })
    };
    let server = start(None, hello().route("/held", held)).await;
    let mut first = connect(&server).await;
    let mut second = connect(&server).await;
    assert!(answer(&mut first).await.ends_with("hello") && answer(&mut second).await.ends_with("hello"));
    // A place that is not free at once after that is worth another try.
    let third = timeout(PATIENCE, async {
        loop {
            let mut third = connect(&server).await;
            if answer(&mut third).await.ends_with("hello") {
                return third;
            }
        }
    });
    let mut third = third.await.expect("it gets a place");
    assert!(is_closed(first).await, "it was idle longest");
    for stream in [&mut second, &mut third] {
        stream.write_all(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it is sent");
        timeout(PATIENCE, entered.notified()).await.expect("it is asked");
    }
    assert!(is_closed(connect(&server).await).await, "there is no place");
    drop(second);
    let again = async {
        loop {
            let mut stream = connect(&server).await;
            if stream.write_all(REQUEST).await.is_ok() && matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {
                return;
            }
        }
    };
    timeout(PATIENCE, again).await.expect("the place is free again");
}

/// As API servers call: many at once from one address, each connection kept for the next request unless we ask to close it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_connections_from_one_address_are_all_answered() {
    const CALLERS: usize = 500;
    drop(rustls::crypto::ring::default_provider().install_default());
    let bundle = Bundle::issue(&["a.svc".to_owned()], &Terms::usual(), Clock::default().now()).expect("a bundle");
    let certificate = Arc::new(Certificate::default());
    certificate.replace(bundle.certificate.as_bytes(), bundle.key.as_bytes()).expect("it fits");
    let acceptor = TlsAcceptor::from(Arc::new(server_config(certificate, None, Clock::default())));
    let slow = get(async || {
        sleep(Duration::from_millis(20)).await;
        (axum::Extension(KnownCaller), "hello")
    });
    // Less than half of them have a place. A busy machine takes its time over so many handshakes of a program without
    // optimizations, and none of these callers is one that has nothing to say.
    let [grace, first_contact, patience] = [40, 120, 20].map(Duration::from_secs);
    let limits = Limits { connections: 200, per_address: 150, grace, first_contact, patience, ..Limits::default() };
    let server = Arc::new(start_with(limits, Some(acceptor), Router::new().route("/", slow)).await);
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(bundle.authority.certificate.as_bytes()).expect("a certificate");
    roots.add(authority).expect("an authority");
    let connector =
        TlsConnector::from(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (server, connector) = (Arc::clone(&server), connector.clone());
        callers.spawn(async move {
            let (mut kept, mut later) = (None, 0);
            for _ in 0..3 {
                let mut stream = match kept.take() {
                    Some(stream) => stream,
                    None => {
                        let name = ServerName::try_from("a.svc").expect("a name");
                        connector.connect(name, connect(&server).await).await.expect("a handshake")
                    }
                };
                let answer = answer(&mut stream).await;
                let well = answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello");
                let told = answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1");
                assert!(well || told, "{answer:?}");
                later += usize::from(told);
                if !answer.contains("connection: close") {
                    kept = Some(stream);
                }
            }
            later
        });
    }
    let later: usize = callers.join_all().await.into_iter().sum();
    assert!(later < 3 * CALLERS / 2, "{later} were told to come back");
}

/// A handshake that never comes takes no place from those who have something to say.
#[tokio::test]
async fn silent_connections_do_not_lock_the_port() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let certificate = Arc::new(Certificate::default());
    let acceptor = TlsAcceptor::from(Arc::new(server_config(certificate, None, Clock::default())));
    for acceptor in [None, Some(acceptor)] {
        let server = start(acceptor, hello()).await;
        let (silent, _other, _newcomer) = (connect(&server).await, connect(&server).await, connect(&server).await);
        assert!(is_closed(silent).await);
    }
}

#[tokio::test]
async fn a_connection_whose_body_is_not_read_to_its_end_is_closed() {
    let answers_early = get(async || "hello").post(async |_: Body| "enough");
    let server = start(None, Router::new().route("/", answers_early)).await;
    let mut stream = connect(&server).await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1").await.expect("it is sent");
    let mut all = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("it is closed").expect("an answer");
    assert!(String::from_utf8_lossy(&all).ends_with("enough"));
}

#[tokio::test]
async fn a_stop_lets_the_request_in_flight_end_and_takes_no_new_one() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let held = {
        let (entered, release) = (Arc::clone(&entered), Arc::clone(&release));
        get(move || {
            let (entered, release) = (Arc::clone(&entered), Arc::clone(&release));
            async move {
                entered.notify_one();
                release.notified().await;
                "done"
            }
        })
    };
    let server = start(None, Router::new().route("/", held)).await;
    let mut stream = connect(&server).await;
    let asking = tokio::spawn(async move { answer(&mut stream).await });
    entered.notified().await;
    server.stop.cancel();
    release.notify_one();
    assert!(asking.await.expect("it ends").ends_with("done"));
    timeout(PATIENCE, server.task).await.expect("in time").expect("it ends well");
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_new_certificate_serves_new_connections_and_old_ones_go_on() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let bundle =
        |name: &str| Bundle::issue(&[name.to_owned()], &Terms::usual(), Clock::default().now()).expect("a bundle");
    let (old, new) = (bundle("old.svc"), bundle("new.svc"));
    let certificate = Arc::new(Certificate::default());
    let server = start(
        Some(TlsAcceptor::from(Arc::new(server_config(Arc::clone(&certificate), None, Clock::default())))),
        hello(),
    )
    .await;
    let handshake = async |bundle: &Bundle, name: &'static str| {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(bundle.authority.certificate.as_bytes()).expect("a certificate");
        roots.add(authority).expect("an authority");
        let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(name).expect("a name");
        TlsConnector::from(Arc::new(client)).connect(name, connect(&server).await).await
    };
    assert!(handshake(&old, "old.svc").await.is_err(), "there is no certificate yet");
    certificate.replace(old.certificate.as_bytes(), old.key.as_bytes()).expect("it fits");
    let mut stream = handshake(&old, "old.svc").await.expect("a handshake");
    certificate.replace(new.certificate.as_bytes(), new.key.as_bytes()).expect("it fits");
    assert!(handshake(&old, "old.svc").await.is_err());
    assert!(answer(&mut stream).await.ends_with("hello"));
    let mut stream = handshake(&new, "new.svc").await.expect("a handshake");
    assert!(answer(&mut stream).await.ends_with("hello"));
    assert!(
        certificate.replace(new.certificate.as_bytes(), old.key.as_bytes()).is_err(),
        "a key of another certificate"
    );
}
