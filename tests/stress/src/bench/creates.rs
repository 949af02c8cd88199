//! Creates through an API server, with one webhook, another, or none in the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval_at},
};

use super::pod;
use crate::history::Outcome;
use crate::load::{
    api::{Call, JSON, Server},
    outcome,
};

const PODS: &str = "/api/v1/namespaces/bench/pods";

/// Creates pods, one after the other, and takes them away again.
pub async fn pods(server: &Server, count: usize, round: &str) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for index in 0..count {
        let body = pod::manifest(&format!("{round}-{index}"), "data,logs").to_string();
        let started = Instant::now();
        let (status, answer) = server.send(post(PODS, body)).await?;
        times.push(started.elapsed());
        ensure!(status.is_success(), "creating a pod: {status} {}", String::from_utf8_lossy(&answer));
    }
    let path = format!("{PODS}?gracePeriodSeconds=0");
    let call = Call { user: "", method: Method::DELETE, path: &path, content: JSON, body: String::new() };
    let (status, _) = server.send(call).await?;
    ensure!(status.is_success(), "deleting the pods: {status}");
    Ok(times)
}

/// Whether an API server refuses a pod whose annotation names no volume: then it asks a webhook. Nothing while it cannot ask
/// the one that it knows of, which has yet to write its certificate and path into its configuration.
pub async fn wrong_pod_is_refused(server: &Server) -> Result<Option<bool>> {
    let body = pod::manifest("wrong", "nowhere").to_string();
    let (status, _) = server.send(post(&format!("{PODS}?dryRun=All"), body)).await?;
    Ok((!status.is_server_error()).then_some(!status.is_success()))
}

/// What came of creates that many made at the same time.
#[derive(Debug, Clone, Default)]
pub struct Crowd {
    /// Times of those that were let in.
    pub created: Vec<Duration>,
    /// Times of those that found no room.
    pub refused: Vec<Duration>,
    /// How many were told to try again.
    pub later: usize,
    /// How many got another answer, such as that the webhook was not reached, and what the first of them was told.
    pub failed: usize,
    pub failure: Option<String>,
    /// From the first to the last.
    pub took: Duration,
}

impl Crowd {
    /// Adds another one, which did the same at another time.
    pub fn add(&mut self, more: Self) {
        self.created.extend(more.created);
        self.refused.extend(more.refused);
        self.later += more.later;
        self.failed += more.failed;
        self.failure = self.failure.take().or(more.failure);
        self.took += more.took;
    }
}

/// How many create, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// At the same time.
    pub creators: usize,
    /// Objects of each.
    pub each: usize,
    /// From the beginning of one create to the next of the same creator; none for as fast as they are answered.
    pub pace: Option<Duration>,
    /// Whether the objects stay.
    pub keep: bool,
}

/// Every one of the creators makes one object after the other and deletes it, in one of fifty namespaces and as a user of its own.
pub async fn snapshots(server: &Server, load: Load, round: &str) -> Result<Crowd> {
    let (start, mut tasks, round) = (Instant::now(), JoinSet::new(), Arc::<str>::from(round));
    for creator in 0..load.creators {
        let (server, round) = (server.clone(), Arc::clone(&round));
        tasks.spawn(async move { create(&server, load, creator, &round).await });
    }
    let mut all = Crowd::default();
    while let Some(crowd) = tasks.join_next().await {
        all.add(crowd??);
    }
    all.took = start.elapsed();
    Ok(all)
}

async fn create(server: &Server, load: Load, creator: usize, round: &str) -> Result<Crowd> {
    let path = super::snapshots_of(&namespace(creator));
    let user = format!("creator-{creator}");
    let mut crowd = Crowd::default();
    let mut begins = load.pace.map(|pace| {
        // Spread over the time between two: nobody waits for the others.
        let part = pace * u32::try_from(creator).unwrap_or(0) / u32::try_from(load.creators).unwrap_or(1).max(1);
        let mut ticks = interval_at((Instant::now() + part).into(), pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    });
    for index in 0..load.each {
        if let Some(begins) = &mut begins {
            begins.tick().await;
        }
        let body = snapshot(&format!("{round}-{index}")).to_string();
        let started = Instant::now();
        let (status, answer) = server.send(Call { user: &user, ..post(&path, body) }).await?;
        match outcome::read(status, &answer) {
            Outcome::Created => {
                crowd.created.push(started.elapsed());
                if !load.keep {
                    delete(server, &path, &answer).await?;
                }
            }
            Outcome::Full => crowd.refused.push(started.elapsed()),
            Outcome::TryAgain(_) => crowd.later += 1,
            _ => {
                crowd.failed += 1;
                crowd.failure.get_or_insert_with(|| String::from_utf8_lossy(&answer).into_owned());
            }
        }
    }
    Ok(crowd)
}

/// Takes an object away that was just made: as many are there as there are creators, and not as many as there were creates.
async fn delete(server: &Server, path: &str, made: &[u8]) -> Result<()> {
    let made: Value = serde_json::from_slice(made)?;
    let path = format!("{path}/{}", made["metadata"]["name"].as_str().context("an object without a name")?);
    let call = Call { user: "", method: Method::DELETE, path: &path, content: JSON, body: String::new() };
    let (status, answer) = server.send(call).await?;
    ensure!(status.is_success(), "deleting a snapshot: {status} {}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// The namespace of one of the creators.
pub fn namespace(creator: usize) -> String {
    format!("crowd-{}", creator % 50)
}

fn snapshot(name: &str) -> Value {
    json!({
        "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"generateName": format!("{name}-")},
        "spec": {"source": {"persistentVolumeClaimName": "none"}, "volumeSnapshotClassName": "none"},
    })
}

fn post(path: &str, body: String) -> Call<'_> {
    Call { user: "", method: Method::POST, path, content: JSON, body }
}
