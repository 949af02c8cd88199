//! Another webhook that refuses some creates which the quota has already admitted: the quota is not told.

use std::net::SocketAddrV4;

use anyhow::Result;

use crate::review::{Answer, Identity, serve};

/// The name of objects that it always refuses.
pub const PROBE: &str = "refuser-probe";

/// Starts it. The share is in percent, by chance.
pub async fn start(
    at: SocketAddrV4,
    identity: &Identity,
    share: u32,
    seed: u64,
) -> Result<tokio::task::JoinHandle<()>> {
    let chance = std::sync::Arc::new(std::sync::Mutex::new(fastrand::Rng::with_seed(seed)));
    serve(at, identity, PROBE, move |_| {
        let refused = chance.lock().unwrap_or_else(std::sync::PoisonError::into_inner).u32(0..100) < share;
        async move { if refused { Answer::Deny(403, "not today".into()) } else { Answer::Allow } }
    })
    .await
}
