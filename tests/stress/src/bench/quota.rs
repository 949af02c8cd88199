//! What a quota adds to creates, when many create at the same time; and what our webhook says of its own times.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use test_cluster::{Cluster, webhook::until_quotas_ready};
use tokio::task::block_in_place;

use super::creates::{Crowd, namespace, snapshots};
use super::subject::{Subject, Who};
use crate::load::{api::Server, sweep};
use crate::metrics::{self, Series};

/// As many slots as a ledger holds.
const ROOM: u32 = 2000;
/// Objects of each creator.
const EACH: usize = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// The three crowds.
pub struct Quota {
    /// Without our webhook.
    pub without: Crowd,
    /// With it, and room for all.
    pub with_room: Crowd,
    /// With it, and no room.
    pub without_room: Crowd,
    /// What it counted of the second crowd: all its times.
    pub claims: Histogram,
}

/// Measures.
pub async fn measure(creators: usize, cluster: &Cluster, server: &Server, ours: &Subject) -> Result<Quota> {
    for creator in 0..creators.min(50) {
        server.create_namespace(&namespace(creator)).await?;
    }
    let without = snapshots(server, creators, EACH, "none").await?;
    empty(server).await?;
    let policy = json!({
        "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"quotas": [{"resource": "volumesnapshots.snapshot.storage.k8s.io", "limit": ROOM}]},
    });
    ours.in_the_way(cluster, server).await?;
    block_in_place(|| cluster.kubectl(&["apply", "-f", "-"], &policy.to_string()))?;
    block_in_place(|| until_quotas_ready(cluster))?;
    let before = claims(ours).await?;
    let with_room = snapshots(server, creators, EACH, "room").await?;
    let claims = claims(ours).await?.since(&before);
    // No room: the limit is what exists.
    let mut tight = policy;
    tight["spec"]["quotas"][0]["limit"] = json!(with_room.created.count());
    block_in_place(|| cluster.kubectl(&["apply", "-f", "-"], &tight.to_string()))?;
    until_limit(ours, with_room.created.count()).await?;
    let without_room = snapshots(server, creators, EACH, "full").await?;
    empty(server).await?;
    Ok(Quota { without, with_room, without_room, claims })
}

async fn empty(server: &Server) -> Result<()> {
    while !sweep(server, &[], true).await?.is_empty() {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Until the replica has heard of a limit.
#[allow(clippy::cast_precision_loss, reason = "a small number")]
async fn until_limit(ours: &Subject, limit: usize) -> Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let series = read(ours).await?;
        let told = metrics::total(&series, "backup_webhook_quota_limit", "volumesnapshots");
        if (told - limit as f64).abs() < 0.5 {
            return Ok(());
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "the webhook has not heard of the limit {limit}: it has {told}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Counts of times up to bounds, in seconds.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    upto: Vec<(f64, f64)>,
}

impl Histogram {
    fn of(series: &Series, name: &str, label: &str) -> Self {
        let bucket = format!("{name}_bucket");
        let bound = |key: &str| key.split("le=\"").nth(1)?.split('"').next()?.parse::<f64>().ok();
        let mut upto: Vec<(f64, f64)> = series
            .iter()
            .filter(|(key, _)| key.starts_with(&bucket) && key.contains(label))
            .filter_map(|(key, count)| Some((bound(key)?, *count)))
            .collect();
        upto.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { upto }
    }

    /// What was added after an earlier look.
    pub fn since(&self, earlier: &Self) -> Self {
        let before =
            |bound: f64| earlier.upto.iter().find(|(le, _)| le.total_cmp(&bound).is_eq()).map_or(0.0, |(_, n)| *n);
        Self { upto: self.upto.iter().map(|(le, count)| (*le, count - before(*le))).collect() }
    }

    /// Milliseconds within which this share was over, at most: the bound of its bucket. Nothing when nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let all = self.upto.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
        self.upto.iter().find(|(_, count)| *count >= all * share).map(|(le, _)| le * 1e3)
    }
}

/// How long our webhook took over validating reviews, as it counts itself. Empty for others.
pub async fn histogram(subject: &Subject) -> Result<Histogram> {
    if subject.who != Who::Ours {
        return Ok(Histogram::default());
    }
    Ok(Histogram::of(&read(subject).await?, "backup_webhook_request_duration_seconds", "phase=\"validate\""))
}

async fn claims(ours: &Subject) -> Result<Histogram> {
    Ok(Histogram::of(&read(ours).await?, "backup_webhook_quota_claim_duration_seconds", "volumesnapshots"))
}

async fn read(subject: &Subject) -> Result<Series> {
    metrics::read(SocketAddrV4::new(*subject.target.at.ip(), subject.target.at.port() + 1)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let series = |counts: [f64; 3]| -> Series {
            let keys =
                ["t_bucket{le=\"0.001\",p=\"v\"}", "t_bucket{le=\"0.002\",p=\"v\"}", "t_bucket{le=\"+Inf\",p=\"v\"}"];
            keys.into_iter().map(str::to_owned).zip(counts).collect()
        };
        let earlier = Histogram::of(&series([10.0, 10.0, 10.0]), "t", "p=\"v\"");
        let later = Histogram::of(&series([15.0, 20.0, 20.0]), "t", "p=\"v\"").since(&earlier);
        assert_eq!(later.quantile(0.5), Some(1.0));
        assert_eq!(later.quantile(0.99), Some(2.0));
        assert_eq!(earlier.since(&earlier).quantile(0.5), None);
    }
}
