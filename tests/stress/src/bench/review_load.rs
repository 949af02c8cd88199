//! Reviews sent straight to a webhook, over connections that stay open.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{net::TcpStream, task::JoinSet, time::interval};
use tokio_rustls::TlsConnector;

use crate::figures::Sample;

/// Where reviews go.
#[derive(Clone)]
pub struct Target {
    /// The webhook.
    pub at: SocketAddrV4,
    /// By which its certificate is known; the certificate is of the address.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// One connection.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    target: Target,
}

impl Target {
    async fn connect(&self) -> Result<Line> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.authority.as_bytes()) {
            roots.add(certificate?)?;
        }
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(self.at).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(std::net::IpAddr::from(*self.at.ip()).into());
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It ends with its sender; what breaks it breaks the request too.
        tokio::spawn(connection);
        Ok(Line { sender, target: self.clone() })
    }

    /// One review and its answer.
    pub async fn ask(&self, review: &Bytes) -> Result<Bytes> {
        self.connect().await?.ask(review).await
    }

    /// As many as are answered in that time, each connection sending the next when the last was answered.
    pub async fn closed_loop(&self, review: &Bytes, connections: usize, time: Duration) -> Result<Sample> {
        let mut lines = Vec::new();
        for _ in 0..connections {
            lines.push(self.connect().await?);
        }
        let (start, mut tasks) = (Instant::now(), JoinSet::new());
        for mut line in lines {
            let review = review.clone();
            tasks.spawn(async move {
                let mut times = Vec::new();
                while start.elapsed() < time {
                    let asked = Instant::now();
                    line.ask(&review).await?;
                    times.push(asked.elapsed());
                }
                anyhow::Ok(times)
            });
        }
        collect(tasks, start).await
    }

    /// So many a second, spread over the connections, whatever the answers take.
    pub async fn open_loop(&self, review: &Bytes, connections: u32, rate: u32, time: Duration) -> Result<Sample> {
        let mut lines = Vec::new();
        for _ in 0..connections {
            lines.push(self.connect().await?);
        }
        let period = Duration::from_secs(1) * connections / rate;
        let (start, mut tasks) = (Instant::now(), JoinSet::new());
        for (mut line, index) in lines.into_iter().zip(0_u32..) {
            let review = review.clone();
            tasks.spawn(async move {
                let first = tokio::time::Instant::now() + period * index / connections;
                tokio::time::sleep_until(first).await;
                let (mut due, mut times) = (interval(period), Vec::new());
                while start.elapsed() < time {
                    // Measured from when it was due: a late one is not excused.
                    let asked = due.tick().await;
                    line.ask(&review).await?;
                    times.push(asked.elapsed());
                }
                anyhow::Ok(times)
            });
        }
        collect(tasks, start).await
    }
}

impl Line {
    async fn ask(&mut self, review: &Bytes) -> Result<Bytes> {
        let request = Request::post(&self.target.path)
            .header("host", self.target.at.to_string())
            .header("content-type", "application/json")
            .body(Full::new(review.clone()))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await.context("sending a review")?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "a review was answered with {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }
}

async fn collect(mut tasks: JoinSet<Result<Vec<Duration>>>, start: Instant) -> Result<Sample> {
    let mut times = Vec::new();
    while let Some(line) = tasks.join_next().await {
        times.extend(line??);
    }
    Ok(Sample::new(times, start.elapsed()))
}
