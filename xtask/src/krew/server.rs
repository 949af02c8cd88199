//! Serves the archive on this machine, because krew takes nothing but HTTP addresses from an index.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;
use tokio::runtime::{self, Runtime};

/// A server of one file, gone when dropped.
pub struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    /// Serves the archive as a release of this version, reachable from this machine only.
    pub fn start(archive: &Path, version: &str) -> Result<Self> {
        let name = archive.file_name().and_then(|name| name.to_str()).context("the archive has no plain file name")?;
        let content = std::fs::read(archive).with_context(|| format!("read {}", archive.display()))?;
        let content = axum::body::Bytes::from(content);
        let router = Router::new().route(&format!("/v{version}/{name}"), get(move || async move { content }));
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener =
            runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).context("listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, _runtime: runtime })
    }

    /// The address under which releases lie.
    pub fn releases(&self) -> String {
        format!("http://{}", self.address)
    }
}
