//! What goes wrong during a run.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use test_cluster::{Cluster, Component, webhook::Webhook};
use tokio::time::sleep;

use crate::replicas::Replicas;

/// How long something that was killed stays away.
const ABSENCE: Duration = Duration::from_secs(1);

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A replica is killed, and started again after a second.
    KillReplica(usize),
    /// A replica stands still.
    FreezeReplica(usize, Duration),
    /// etcd is killed, and started again.
    RestartEtcd,
    /// The API server with that index is killed, and started again.
    RestartServer(u8),
    /// The API server with that index stands still.
    FreezeServer(u8, Duration),
    /// Nothing.
    Rest(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillReplica(index) => write!(f, "replica {} is killed and started again", index + 1),
            Self::FreezeReplica(index, time) => write!(f, "replica {} is frozen for {} s", index + 1, time.as_secs()),
            Self::RestartEtcd => f.write_str("etcd is killed and started again"),
            Self::RestartServer(index) => write!(f, "API server {} is killed and started again", index + 1),
            Self::FreezeServer(index, time) => write!(f, "API server {} is frozen for {} s", index + 1, time.as_secs()),
            Self::Rest(time) => write!(f, "nothing for {} s", time.as_secs()),
        }
    }
}

/// A fault that happened, in times since the start of the run.
#[derive(Debug, Clone, Copy)]
pub struct Happened {
    /// What.
    pub fault: Fault,
    /// When it began.
    pub from: Duration,
    /// When what was killed was started again, or what was frozen went on.
    pub until: Duration,
}

/// Several rows of faults at the same time. A hook call is given up after five seconds, a create after a minute.
pub fn rows(quick: bool) -> Vec<Vec<Fault>> {
    let seconds = Duration::from_secs;
    let rest = Fault::Rest(seconds(3));
    if quick {
        let row = [
            rest,
            Fault::KillReplica(0),
            rest,
            Fault::RestartEtcd,
            rest,
            Fault::FreezeReplica(1, seconds(7)),
            rest,
            Fault::RestartServer(1),
            rest,
        ];
        return vec![row.into()];
    }
    let round = [
        Fault::KillReplica(0),
        rest,
        Fault::FreezeReplica(1, seconds(8)),
        rest,
        Fault::RestartEtcd,
        rest,
        Fault::RestartServer(1),
        rest,
        Fault::FreezeServer(0, seconds(6)),
        rest,
        Fault::KillReplica(1),
        rest,
        Fault::RestartServer(0),
        rest,
        Fault::RestartEtcd,
        Fault::KillReplica(0),
        rest,
    ];
    let long = [Fault::Rest(seconds(10)), Fault::FreezeReplica(2, seconds(80)), rest];
    vec![[Fault::Rest(seconds(5))].into_iter().chain(round).chain(round).collect(), long.into()]
}

/// The cluster's components that are killed and frozen.
pub struct Victims {
    replicas: Arc<Replicas>,
    etcd: Mutex<Component>,
    servers: Vec<Mutex<Component>>,
    zero: Instant,
}

impl Victims {
    /// Finds them.
    pub fn find(cluster: &Cluster, apiservers: u8, replicas: Arc<Replicas>, zero: Instant) -> Result<Self> {
        let server = |index| match index {
            0 => cluster.component("kube-apiserver"),
            _ => cluster.component(&format!("kube-apiserver-{}", index + 1)),
        };
        Ok(Self {
            replicas,
            etcd: Mutex::new(cluster.component("etcd")?),
            servers: (0..apiservers).map(|index| server(index).map(Mutex::new)).collect::<Result<_>>()?,
            zero,
        })
    }

    /// Lets a row of faults happen, one after the other, and tells when each was.
    pub async fn row(&self, row: &[Fault]) -> Result<Vec<Happened>> {
        let mut happened = Vec::new();
        for fault in row {
            let from = self.zero.elapsed();
            self.happen(*fault).await?;
            if !matches!(fault, Fault::Rest(_)) {
                happened.push(Happened { fault: *fault, from, until: self.zero.elapsed() });
            }
        }
        Ok(happened)
    }

    async fn happen(&self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Rest(time) => sleep(time).await,
            Fault::KillReplica(index) => {
                self.replicas.keep_counts(index).await;
                self.replicas.on(index, Webhook::kill)?;
                sleep(ABSENCE).await;
                self.replicas.on(index, Webhook::start_again)?;
            }
            Fault::FreezeReplica(index, time) => {
                self.replicas.on(index, Webhook::freeze)?;
                sleep(time).await;
                self.replicas.on(index, Webhook::thaw)?;
            }
            Fault::RestartEtcd => self.restart(&self.etcd).await?,
            Fault::RestartServer(index) => {
                if let Some(server) = self.servers.get(usize::from(index)) {
                    self.restart(server).await?;
                }
            }
            Fault::FreezeServer(index, time) => {
                if let Some(server) = self.servers.get(usize::from(index)) {
                    locked(server, |server| server.freeze())?;
                    sleep(time).await;
                    locked(server, |server| server.thaw())?;
                }
            }
        }
        Ok(())
    }

    async fn restart(&self, component: &Mutex<Component>) -> Result<()> {
        locked(component, Component::kill)?;
        sleep(ABSENCE).await;
        locked(component, Component::start_again)
    }
}

fn locked<T>(component: &Mutex<Component>, act: impl FnOnce(&mut Component) -> T) -> T {
    act(&mut component.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_replica_is_frozen_in_one_row_and_killed_in_another() {
        for quick in [true, false] {
            let rows = rows(quick);
            let replicas = |row: &[Fault]| -> Vec<usize> {
                let of = |fault: &Fault| match fault {
                    Fault::KillReplica(index) | Fault::FreezeReplica(index, _) => Some(*index),
                    _ => None,
                };
                row.iter().filter_map(of).collect()
            };
            for (at, row) in rows.iter().enumerate() {
                for other in rows.iter().skip(at + 1) {
                    assert!(replicas(row).iter().all(|index| !replicas(other).contains(index)));
                }
            }
        }
    }
}
