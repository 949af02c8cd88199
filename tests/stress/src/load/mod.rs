//! The load: many clients that create and delete, as fast as they are answered.

pub mod api;
mod client;
mod later;
pub mod outcome;
pub mod plan;
mod sweep;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use crate::history::Attempt;
use api::Server;
use client::{LoadClient, Shared};

pub use sweep::sweep;

/// Between two looks for what nobody takes away. An object that two looks find is older than any client lets it be.
const SWEEP_PERIOD: Duration = Duration::from_secs(3);

/// A load that goes on until it is ended.
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<Vec<Attempt>>,
    sweeper: tokio::task::JoinHandle<()>,
}

impl Load {
    /// Starts that many clients, which try no more often than `most` times in all.
    pub fn start(servers: Vec<Server>, clients: usize, seed: u64, most: u32, zero: Instant) -> Result<Self> {
        let shared = Arc::new(Shared {
            servers,
            zero,
            seed,
            next: AtomicU32::new(0),
            most,
            enough: AtomicBool::new(false),
            full: AtomicU32::new(0),
            lingering: watch::Sender::new(false),
        });
        let mut tasks = JoinSet::new();
        for index in 0..clients {
            tasks.spawn(LoadClient::new(Arc::clone(&shared), index).context("no API server")?.run());
        }
        let sweeper = tokio::spawn(sweep_again_and_again(Arc::clone(&shared)));
        Ok(Self { shared, clients: tasks, sweeper })
    }

    /// How many tries have begun.
    pub fn begun(&self) -> u32 {
        self.shared.next.load(Ordering::Relaxed).min(self.shared.most)
    }

    /// How often a client was told that the quota is full.
    pub fn told_full(&self) -> u32 {
        self.shared.full.load(Ordering::Relaxed)
    }

    /// Lets objects live on from now on, so that they come to hold all slots at once; or no longer.
    pub fn linger(&self, on: bool) {
        self.shared.lingering.send_replace(on);
    }

    /// Lets the tries that are under way end, and gives all.
    pub async fn end(self) -> Result<Vec<Attempt>> {
        self.shared.enough.store(true, Ordering::Relaxed);
        let attempts = self.clients.join_all().await.into_iter().flatten().collect();
        self.sweeper.abort();
        Ok(attempts)
    }
}

async fn sweep_again_and_again(shared: Arc<Shared>) {
    let mut seen = Vec::new();
    loop {
        for server in &shared.servers {
            sleep(SWEEP_PERIOD).await;
            if *shared.lingering.borrow() {
                seen.clear();
                continue;
            }
            // An API server that is down is another one's turn.
            if let Ok(found) = sweep(server, &seen, false).await {
                seen = found;
            }
        }
    }
}
