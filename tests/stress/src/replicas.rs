//! The replicas under test: three processes behind one address.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use test_cluster::{
    Cluster,
    webhook::{Replica, Webhook},
};
use tokio::task::JoinSet;

use crate::balancer;
use crate::metrics::{self, Series};
use crate::review::Identity;

/// The port of the webhook.
const PORT: u16 = 9443;

/// What counts.
#[derive(Debug, Clone)]
pub enum Counter {
    /// Our webhook, with its ledger.
    Ledger(PathBuf),
    /// A live list.
    LiveList {
        /// The program.
        program: PathBuf,
        /// How many objects it allows.
        limit: usize,
        /// By which the API servers know it.
        identity: Identity,
    },
}

/// All replicas.
pub struct Replicas {
    each: Vec<Arc<Mutex<One>>>,
    // The balancer ends with this value.
    _balancer: JoinSet<()>,
}

struct One {
    webhook: Webhook,
    place: Replica,
    // What it had counted when it was killed: the next process begins at zero.
    counted: Series,
}

/// The address by which the API servers call the replicas. A cluster's API servers have the first addresses of its range.
pub fn common_address(cluster: &Cluster) -> Ipv4Addr {
    at(cluster, 100)
}

/// An address of the cluster's range.
pub fn at(cluster: &Cluster, last: u8) -> Ipv4Addr {
    let [a, b, c, _] = cluster.host_address().octets();
    Ipv4Addr::new(a, b, c, last)
}

/// The URL of the replicas.
pub fn url(cluster: &Cluster) -> String {
    format!("https://{}:{PORT}", common_address(cluster))
}

impl Replicas {
    /// Starts as many as told, spread over the API servers, with the balancer before them. They need not be ready.
    pub async fn start(cluster: &Cluster, counter: &Counter, count: u8, apiservers: u8) -> Result<Self> {
        let common_address = common_address(cluster);
        let mut each = Vec::new();
        for index in 0..count {
            let place = Replica {
                name: format!("webhook-{}", index + 1),
                address: at(cluster, 101 + index),
                common_address,
                server: index.checked_rem(apiservers).unwrap_or_default(),
            };
            let webhook = match counter {
                Counter::Ledger(program) => place.start(cluster, program)?,
                Counter::LiveList { program, limit, identity } => {
                    live_list(cluster, &place, program, *limit, identity)?
                }
            };
            each.push(Arc::new(Mutex::new(One { webhook, place, counted: Series::new() })));
        }
        let backends: Vec<_> =
            each.iter().map(|one| with(one, |one| (one.place.listens_on(), one.place.answers_on()))).collect();
        let balancer = balancer::start(SocketAddrV4::new(common_address, PORT), backends).await?;
        Ok(Self { each, _balancer: balancer })
    }

    /// Waits until all are ready.
    pub fn until_ready(&self) -> Result<()> {
        self.each.iter().try_for_each(|one| with(one, |one| one.webhook.until_ready()))
    }

    /// Does something to one of them.
    pub fn on(&self, index: usize, fault: impl FnOnce(&mut Webhook) -> Result<()>) -> Result<()> {
        let one = self.each.get(index).with_context(|| format!("there is no replica {}", index + 1))?;
        with(one, |one| fault(&mut one.webhook))
    }

    /// Remembers what one of them has counted, before it is killed.
    pub async fn keep_counts(&self, index: usize) {
        let Some(one) = self.each.get(index) else { return };
        let at = with(one, |one| one.place.answers_on());
        // One that cannot answer takes its counts with it: figures, not proof.
        if let Ok(series) = metrics::read(at).await {
            with(one, |one| metrics::add(&mut one.counted, &series));
        }
    }

    /// What all of them have counted.
    pub async fn counts(&self) -> Series {
        for index in 0..self.each.len() {
            self.keep_counts(index).await;
        }
        let mut sum = BTreeMap::new();
        for one in &self.each {
            with(one, |one| metrics::add(&mut sum, &one.counted));
        }
        sum
    }
}

fn with<T>(one: &Mutex<One>, act: impl FnOnce(&mut One) -> T) -> T {
    act(&mut one.lock().unwrap_or_else(PoisonError::into_inner))
}

fn live_list(cluster: &Cluster, place: &Replica, program: &Path, limit: usize, identity: &Identity) -> Result<Webhook> {
    // Of its own: another one may read while these are written.
    let [certificate, key] = ["crt", "key"].map(|kind| cluster.state_dir().join(format!("{}.{kind}", place.name)));
    std::fs::write(&certificate, &identity.certificate)?;
    std::fs::write(&key, &identity.key)?;
    let mut command = Command::new(program);
    command
        .args(["--listen", &place.listens_on().to_string(), "--admin-listen", &place.answers_on().to_string()])
        .arg("--certificate")
        .arg(certificate)
        .arg("--key")
        .arg(key)
        .args(["--limit", &limit.to_string()])
        .env("KUBECONFIG", cluster.kubeconfig());
    Webhook::start(cluster, &place.name, command, place.answers_on())
}
