//! Sockets to listen on.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::net::TcpListener;

/// Binds an address; "any address" falls back to IPv4 on machines without IPv6.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let failed = |source| BindError { address, source };
    match TcpListener::bind(address).await {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && !in_use(&error) => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await.map_err(failed)
        }
        bound => bound.map_err(failed),
    }
}

fn in_use(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; choose another address with --listen or --admin-listen")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}
