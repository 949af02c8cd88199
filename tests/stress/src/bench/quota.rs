//! What a quota adds to creates, when many create at the same time; and what our webhook says of its own times.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::json;
use test_cluster::{
    Cluster,
    webhook::{until_quotas_of_now, until_quotas_ready},
};
use tokio::task::block_in_place;

use super::Args;
use super::creates::{Crowd, Load, namespace, snapshots};
use super::floor::Floor;
use super::process::Usage;
use super::subject::{Others, Subject, Who};
use crate::load::{
    api::{Call, JSON, Server},
    sweep,
};
use crate::metrics::{self, Series};

/// As many slots as a ledger holds.
const ROOM: u32 = 2000;
/// As many as a cluster has when nothing is said.
const USUAL: u32 = 10;
/// Objects of each creator in each round.
const EACH: usize = 8;
/// What a creator takes for one create, where the machine is not to be kept busy.
const PACE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(200);
/// A slot whose create was refused is free after a minute.
const LIMIT: Duration = Duration::from_secs(90);

/// One load, without our webhook, with it and room for all, and with it and no room.
#[derive(Default)]
pub struct Crowds {
    pub without: Spent,
    /// Without our webhook too, beside somebody who writes an object like the ledger, one write after the other.
    pub beside_writes: Spent,
    /// Those writes.
    pub writes: Vec<Duration>,
    pub with_room: Spent,
    pub without_room: Spent,
}

/// What came of creates, and the processor time that they took, by program.
#[derive(Default)]
pub struct Spent {
    pub crowd: Crowd,
    pub cpu: BTreeMap<&'static str, Duration>,
}

/// What was measured.
pub struct Quota {
    /// As fast as they are answered: the machine has no time left.
    pub saturated: Crowds,
    /// One create a second each.
    pub paced: Crowds,
    /// What our webhook counted of claims that were granted: all its times, by phase.
    pub phases: Vec<(&'static str, Histogram)>,
    /// Ledger writes of the granted claims.
    pub writes: f64,
    /// The same, that met another's.
    pub conflicts: f64,
    /// Claims that one replica decided for another.
    pub handed: f64,
    /// How many replicas there were.
    pub replicas: usize,
}

/// Measures: without and with take turns, so that what else the machine does meets both.
pub async fn measure(
    args: &Args,
    cluster: &Cluster,
    server: &Server,
    ours: &mut Subject,
    tell: &impl Fn(&str),
) -> Result<Quota> {
    tell("starting the other replicas");
    let others = ours.joined_by(cluster, &args.webhook, args.replicas.saturating_sub(1)).await?;
    let ours = &*ours;
    for creator in 0..args.creators.min(50) {
        server.create_namespace(&namespace(creator)).await?;
    }
    let saturated = Load { creators: args.creators, each: EACH, pace: None, keep: false };
    let paced = Load { pace: Some(PACE), ..saturated };
    let meter = Meter::new(cluster, ours, &others)?;
    tell("creating snapshots, not counted: connections and caches");
    set_limit(cluster, ours, ROOM).await?;
    ours.in_the_way(cluster, server).await?;
    block_in_place(|| until_quotas_ready(cluster))?;
    snapshots(server, saturated, "first").await?;
    empty(server, ours).await?;
    let mut quota = Quota {
        saturated: Crowds::default(),
        paced: Crowds::default(),
        phases: Vec::new(),
        writes: 0.0,
        conflicts: 0.0,
        handed: 0.0,
        replicas: ours.admin.len(),
    };
    let before = read_both(server, ours).await?;
    for round in 0..args.rounds {
        tell(&format!("creating snapshots, round {} of {}", round + 1, args.rounds));
        ours.out_of_the_way(cluster, server).await?;
        for (load, crowds) in [(saturated, &mut quota.saturated), (paced, &mut quota.paced)] {
            meter.run(server, load, "none", &mut crowds.without).await?;
            empty(server, ours).await?;
            let mut floor = Floor::new(server).await?;
            tokio::select! {
                ended = meter.run(server, load, "floor", &mut crowds.beside_writes) => ended?,
                failed = floor.write(&mut crowds.writes) => failed?,
            }
            floor.remove().await?;
            empty(server, ours).await?;
        }
        ours.in_the_way(cluster, server).await?;
        block_in_place(|| until_quotas_of_now(cluster))?;
        for (load, crowds) in [(saturated, &mut quota.saturated), (paced, &mut quota.paced)] {
            meter.run(server, load, "room", &mut crowds.with_room).await?;
            empty(server, ours).await?;
        }
    }
    for crowds in [&quota.saturated, &quota.paced] {
        // Figures of nothing would look like good ones.
        ensure!(!crowds.with_room.crowd.created.is_empty(), "no create was granted");
    }
    let after = read_both(server, ours).await?;
    let since = |name: &str, label: &str| {
        let of = |series: &Series| metrics::total(series, name, label);
        of(&after) - of(&before)
    };
    let counted = |outcome: &str| since("backup_webhook_quota_ledger_writes_total", outcome);
    quota.handed = since("backup_webhook_quota_handed_claims_total", "decided");
    quota.phases = phases(&before, &after);
    (quota.writes, quota.conflicts) = (counted("committed"), counted("conflict"));
    tell("creating snapshots for which there is no room");
    set_limit(cluster, ours, USUAL).await?;
    let fill = Load { creators: args.creators, each: 1, pace: Some(PACE), keep: true };
    while slots(ours).await? < USUAL.into() {
        let filled = snapshots(server, fill, "fill").await?;
        ensure!(filled.failed == 0, "filling the slots: {}", filled.failure.unwrap_or_default());
    }
    for (load, crowds) in [(saturated, &mut quota.saturated), (paced, &mut quota.paced)] {
        meter.run(server, load, "full", &mut crowds.without_room).await?;
    }
    empty(server, ours).await?;
    Ok(quota)
}

/// Runs loads, and notes what processor time the programs took meanwhile.
struct Meter {
    programs: Vec<(&'static str, u32)>,
}

impl Meter {
    fn new(cluster: &Cluster, ours: &Subject, others: &Others) -> Result<Self> {
        let webhooks = [&ours.webhook].into_iter().chain(&others.webhooks);
        let mut programs: Vec<_> = webhooks.map(|webhook| ("webhooks", webhook.id())).collect();
        programs.push(("clients", std::process::id()));
        for (name, component) in [("API server", "kube-apiserver"), ("etcd", "etcd")] {
            programs.push((name, cluster.component(component)?.id()));
        }
        Ok(Self { programs })
    }

    async fn run(&self, server: &Server, load: Load, round: &str, spent: &mut Spent) -> Result<()> {
        let before = self.used()?;
        spent.crowd.add(snapshots(server, load, round).await?);
        for (name, after) in self.used()? {
            *spent.cpu.entry(name).or_default() += after - before.get(name).copied().unwrap_or_default();
        }
        Ok(())
    }

    fn used(&self) -> Result<BTreeMap<&'static str, Duration>> {
        let mut used = BTreeMap::<_, Duration>::new();
        for (name, id) in &self.programs {
            *used.entry(*name).or_default() += Usage::of(*id)?.cpu;
        }
        Ok(used)
    }
}

async fn set_limit(cluster: &Cluster, ours: &Subject, limit: u32) -> Result<()> {
    let policy = json!({
        "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"quotas": [{"resource": "volumesnapshots.snapshot.storage.k8s.io", "limit": limit}]},
    });
    block_in_place(|| cluster.kubectl(&["apply", "-f", "-"], &policy.to_string()))?;
    until(ours, "backup_webhook_quota_limit", |told| told.total_cmp(&limit.into()).is_eq()).await
}

async fn slots(ours: &Subject) -> Result<f64> {
    Ok(metrics::total(&read(ours).await?, "backup_webhook_quota_slots", "volumesnapshots"))
}

/// Takes all snapshots away, and waits until the ledger knows.
async fn empty(server: &Server, ours: &Subject) -> Result<()> {
    while !sweep(server, &[], true).await?.is_empty() {
        tokio::time::sleep(PAUSE).await;
    }
    until(ours, "backup_webhook_quota_slots", |slots| slots < 0.5).await
}

/// Until each replica says so of itself.
async fn until(ours: &Subject, name: &str, reached: impl Fn(f64) -> bool) -> Result<()> {
    let deadline = tokio::time::Instant::now() + LIMIT;
    loop {
        let mut all = true;
        let mut value = 0.0;
        for admin in &ours.admin {
            value = metrics::total(&metrics::read(*admin).await?, name, "volumesnapshots");
            all &= reached(value);
        }
        if all {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < deadline, "the webhook's {name} is {value} after {LIMIT:?}");
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

/// How long the API server waited for webhooks, by its own count.
const ASKED: &str = "apiserver_admission_webhook_admission_duration_seconds";

/// The parts of a claim, as the API server and our webhook count them: what they are called here, the metric, the label.
const PHASES: [(&str, &str, &str); 9] = [
    ("API server asks: quota", ASKED, "name=\"quota.kubectl-backup.dev\""),
    ("API server asks: defaults", ASKED, "name=\"defaults.kubectl-backup.dev\""),
    ("defaults, inside", "backup_webhook_request_duration_seconds", "phase=\"mutate\""),
    ("quota, inside", "backup_webhook_request_duration_seconds", "phase=\"validate\""),
    ("until its write", "backup_webhook_quota_claim_phase_seconds", "phase=\"wait\""),
    ("in its write", "backup_webhook_quota_claim_phase_seconds", "phase=\"store\""),
    ("ledger written", "backup_webhook_quota_request_duration_seconds", "request=\"write\""),
    ("ledger read", "backup_webhook_quota_request_duration_seconds", "request=\"read\""),
    ("objects looked at", "backup_webhook_quota_request_duration_seconds", "request=\"look\""),
];

fn phases(before: &Series, after: &Series) -> Vec<(&'static str, Histogram)> {
    let of = |(told, name, label)| {
        let histogram = |series| Histogram::of(series, name, label);
        (told, histogram(after).since(&histogram(before)))
    };
    PHASES.into_iter().map(of).collect()
}

/// What our webhook and the API server count.
async fn read_both(server: &Server, ours: &Subject) -> Result<Series> {
    let mut series = Series::new();
    for admin in &ours.admin {
        metrics::add(&mut series, &metrics::read(*admin).await?);
    }
    let call = Call { user: "", method: Method::GET, path: "/metrics", content: JSON, body: String::new() };
    let (status, text) = server.send(call).await?;
    ensure!(status.is_success(), "reading the API server's metrics: {status}");
    let text = String::from_utf8_lossy(&text);
    series.extend(metrics::parse(&text).into_iter().filter(|(name, _)| name.starts_with(ASKED)));
    Ok(series)
}

async fn read(subject: &Subject) -> Result<Series> {
    metrics::read(*subject.admin.first().context("it tells nothing")?).await
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
