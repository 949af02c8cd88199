//! Creates through an API server, with one webhook, another, or none in the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::pod;
use crate::figures::Sample;
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

/// Whether an API server refuses a pod whose annotation names no volume: then it asks a webhook.
pub async fn wrong_pod_is_refused(server: &Server) -> Result<bool> {
    let body = pod::manifest("wrong", "nowhere").to_string();
    let (status, _) = server.send(post(&format!("{PODS}?dryRun=All"), body)).await?;
    Ok(!status.is_success())
}

/// What came of creates that many made at the same time.
pub struct Crowd {
    /// Times of those that were let in.
    pub created: Sample,
    /// Times of those that were not.
    pub refused: Sample,
    /// How many got another answer, such as that the webhook was not reached.
    pub failed: usize,
}

/// Every one of the creators makes one object after the other, each in a namespace of its own and as a user of its own.
pub async fn snapshots(server: &Server, creators: usize, each: usize, round: &str) -> Result<Crowd> {
    let (start, mut tasks, round) = (Instant::now(), JoinSet::new(), Arc::<str>::from(round));
    for creator in 0..creators {
        let (server, round) = (server.clone(), Arc::clone(&round));
        tasks.spawn(async move {
            let path = super::snapshots_of(&namespace(creator));
            let user = format!("creator-{creator}");
            let mut times = Vec::new();
            for index in 0..each {
                let body = snapshot(&format!("{round}-{index}")).to_string();
                let started = Instant::now();
                let call = Call { user: &user, ..post(&path, body) };
                let (status, answer) = server.send(call).await?;
                times.push((outcome::read(status, &answer), started.elapsed()));
            }
            anyhow::Ok(times)
        });
    }
    let (mut created, mut refused, mut failed) = (Vec::new(), Vec::new(), 0);
    while let Some(times) = tasks.join_next().await {
        for (outcome, time) in times?? {
            match outcome {
                Outcome::Created => created.push(time),
                Outcome::Full | Outcome::TryAgain => refused.push(time),
                _ => failed += 1,
            }
        }
    }
    let took = start.elapsed();
    Ok(Crowd { created: Sample::new(created, took), refused: Sample::new(refused, took), failed })
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
