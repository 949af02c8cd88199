//! What a Service does for the replicas of a webhook: one address, new connections to those that say they are ready.

use std::net::SocketAddrV4;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::{interval, timeout},
};

/// As the readiness probe of manifests/webhook/base/deployment.yaml: every two seconds, one failure is enough.
const PROBE_PERIOD: Duration = Duration::from_secs(2);
/// As Kubernetes has it when nothing is said.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// A replica behind the common address.
#[derive(Debug)]
struct Backend {
    serves: SocketAddrV4,
    probed: SocketAddrV4,
    ready: AtomicBool,
}

/// Listens on the common address until the returned tasks are dropped. Each backend is where it serves, and where it tells
/// whether it is ready.
pub async fn start(
    at: SocketAddrV4,
    backends: impl IntoIterator<Item = (SocketAddrV4, SocketAddrV4)>,
) -> Result<tokio::task::JoinSet<()>> {
    let listener = TcpListener::bind(at).await.with_context(|| format!("listening on {at}"))?;
    let backends: Arc<[Backend]> =
        backends.into_iter().map(|(serves, probed)| Backend { serves, probed, ready: AtomicBool::new(true) }).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..backends.len() {
        let backends = Arc::clone(&backends);
        tasks.spawn(async move {
            let mut due = interval(PROBE_PERIOD);
            while let Some(backend) = backends.get(index) {
                due.tick().await;
                let ready = timeout(PROBE_TIMEOUT, probe(backend.probed)).await;
                backend.ready.store(matches!(ready, Ok(Ok(true))), Ordering::Relaxed);
            }
        });
    }
    tasks.spawn(async move {
        let turn = AtomicUsize::new(0);
        let mut connections = tokio::task::JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok((client, _)) = listener.accept().await else { continue };
            let Some(serves) = choose(&backends, turn.fetch_add(1, Ordering::Relaxed)) else { continue };
            connections.spawn(forward(client, serves));
        }
    });
    Ok(tasks)
}

/// The next ready one; none at all is a refused connection.
fn choose(backends: &[Backend], turn: usize) -> Option<SocketAddrV4> {
    let ready: Vec<_> = backends.iter().filter(|backend| backend.ready.load(Ordering::Relaxed)).collect();
    let index = turn.checked_rem(ready.len())?;
    ready.get(index).map(|backend| backend.serves)
}

/// A broken connection on either side breaks the other: that is what the client is to see.
async fn forward(mut client: TcpStream, serves: SocketAddrV4) {
    if let Ok(mut server) = TcpStream::connect(serves).await {
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// Whether a replica says that it is ready.
pub async fn probe(at: SocketAddrV4) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n").await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    Ok(head.ends_with(b" 200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ready_backends_are_chosen_in_turn() {
        let backend = |last: u8, ready| Backend {
            serves: SocketAddrV4::new([127, 0, 0, last].into(), 1),
            probed: SocketAddrV4::new([127, 0, 0, last].into(), 2),
            ready: AtomicBool::new(ready),
        };
        let backends = [backend(1, true), backend(2, false), backend(3, true)];
        let chosen: Vec<_> = (0..4).filter_map(|turn| choose(&backends, turn)).map(|at| at.ip().octets()[3]).collect();
        assert_eq!(chosen, [1, 3, 1, 3]);
        assert_eq!(choose(&[backend(1, false)], 0), None);
    }
}
