//! A run from an empty cluster to a judgement.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::json;
use test_cluster::{
    Cluster, Options, Part,
    webhook::{apply_url, until_asked, until_quotas_ready},
};
use tokio::task::block_in_place;

use crate::args::{Args, Counting, DEFAULT_LIMIT};
use crate::beside::{Beside, Row};
use crate::configuration::Hook;
use crate::course::Course;
use crate::faults::Victims;
use crate::history::Evidence;
use crate::load::{
    Load,
    api::{APPLY, Call, GROUP, PLURAL, Server},
    outcome::{OTHER, QUOTA},
    plan,
};
use crate::oracle::{Violation, judge};
use crate::replicas::{self, Counter, Replicas};
use crate::report::Report;
use crate::rest;
use crate::review::Identity;
use crate::store::{Recorder, Scope};
use crate::tried::untried;
use crate::{QUOTA_PROBE, refuser};

/// Runs, prints the report, and fails when the quota did not do what it promises.
pub async fn run(args: &Args) -> Result<()> {
    let mut rows = vec![once(args).await?];
    if args.beside_live_list {
        rows.push(once(&Args { counter: Counting::LiveList, ..args.clone() }).await?);
        println!("{}", Beside(&rows));
    }
    Ok(())
}

/// One run on a cluster of its own.
async fn once(args: &Args) -> Result<Row> {
    // Each has one object at a time.
    ensure!(args.clients > args.limit, "{} clients never find {} slots taken", args.clients, args.limit);
    let zero = Instant::now();
    let tell = |step: &str| eprintln!("{:6.1} s  {step}", zero.elapsed().as_secs_f64());
    let cluster = start_cluster(args, &tell)?;
    let result = on(args, &cluster, zero, &tell).await;
    if let Some(folder) = &args.logs {
        keep_logs(&cluster, folder)?;
    }
    let down = block_in_place(|| cluster.down());
    let row = result?;
    down.map(|()| row)
}

fn start_cluster(args: &Args, tell: &impl Fn(&str)) -> Result<Cluster> {
    let name = format!("stress-{}", std::process::id());
    let (without, apiservers) = (vec![Part::Velero], args.apiservers);
    let options = Options { name, apiservers, without, owned: true, ..Options::default() };
    block_in_place(|| Cluster::up(&options, &mut |step| tell(step)))
}

async fn on(args: &Args, cluster: &Cluster, zero: Instant, tell: &impl Fn(&str)) -> Result<Row> {
    let servers = Server::all(cluster, args.apiservers).await?;
    let first = servers.first().context("no API server")?;
    for index in 0..plan::NAMESPACES {
        first.create_namespace(&plan::namespace(index)).await?;
    }
    let (replicas, ledger) = start_counter(args, cluster, &servers, tell).await?;

    let identity = Identity::of(replicas::at(cluster, 99))?;
    let refuser_at = std::net::SocketAddrV4::new(replicas::at(cluster, 99), 9443);
    let refuser_task = refuser::start(refuser_at, &identity, args.refused, args.seed).await?;
    let url = format!("https://{refuser_at}/");
    let hook = Hook { name: OTHER, url, certificate: &identity.certificate, probe: refuser::PROBE };

    let scope = Scope { socket: cluster.etcd_socket(), resource: format!("{GROUP}/{PLURAL}"), ledger };
    let has_ledger = scope.ledger.is_some();
    let recorder = Recorder::start(scope, zero).await?;
    tell(&format!("{} clients create, at least {} times", args.clients, args.least()));
    let victims = Arc::new(Victims::find(cluster, args.apiservers, Arc::clone(&replicas), zero)?);
    let course = Course { args, other: &hook, servers: &servers, victims, tell };
    let load = || Load::start(servers.clone(), args.clients, args.seed, args.most(), zero);
    let (load, faults) = course.run(load).await?;
    tell("the last tries end");
    let attempts = load.end().await?;
    let stopped = Instant::now();

    let mut violations = Vec::new();
    let rest = if has_ledger {
        tell("waiting until the ledger's slots are those of living objects");
        rest::until_equal(first, &mut violations).await?.map(|()| stopped.elapsed())
    } else {
        None
    };
    tell("filling the empty cluster, and some more");
    let last = rest::fill(&servers, args.limit, zero, &mut violations).await?;
    let record = recorder.end().await?;
    refuser_task.abort();

    let mut evidence = Evidence {
        limit: args.limit,
        changes: record.changes,
        ledger: record.ledger,
        sightings: record.sightings,
        attempts: attempts.into_iter().chain(last).collect(),
        faults: faults.iter().map(|happened| (happened.from, happened.until)).collect(),
    };
    let mut judgement = judge(&evidence);
    // What is told of the load is told without those that were made after it.
    evidence.attempts.retain(|attempt| attempt.ticket < args.most());
    judgement.violations.extend(violations);
    let title = format!(
        "{:?}: {} replicas, {} API servers, {} clients, {} % refused by another webhook, limit {}",
        args.counter, args.replicas, args.apiservers, args.clients, args.refused, args.limit
    );
    let counts = replicas.counts().await;
    let report = Report { title, evidence: &evidence, judgement: &judgement, faults: &faults, counts: &counts, rest };
    println!("{}", report.text());
    verdict(args.counter, &judgement.violations, judgement.over_admitted)?;
    let missing = untried(&evidence, args.refused, args.told_full());
    ensure!(missing.is_empty(), "the run shows nothing: {}", missing.join("; "));
    Ok(Row::of(format!("{:?}", args.counter), &report))
}

fn verdict(counter: Counting, violations: &[Violation], over_admitted: usize) -> Result<()> {
    match counter {
        Counting::Ledger => ensure!(violations.is_empty(), "the quota did not keep its promises: see above"),
        Counting::LiveList => ensure!(
            over_admitted > 0,
            "the live list admitted no object too many: the load is too weak to show anything"
        ),
    }
    Ok(())
}

/// Starts the replicas, and returns once every API server asks them and they decide. Tells the ledger's name.
async fn start_counter(
    args: &Args,
    cluster: &Cluster,
    servers: &[Server],
    tell: &impl Fn(&str),
) -> Result<(Arc<Replicas>, Option<String>)> {
    tell("starting the replicas");
    match args.counter {
        Counting::Ledger => {
            block_in_place(|| apply_url(cluster, &replicas::url(cluster)))?;
            if args.limit != DEFAULT_LIMIT {
                set_limit(servers, args.limit).await?;
            }
            let counter = Counter::Ledger(args.webhook.clone());
            let replicas = Replicas::start(cluster, &counter, args.replicas, args.apiservers).await?;
            block_in_place(|| replicas.until_ready().and_then(|()| until_asked(cluster)))?;
            let ledger = format!("{PLURAL}.{GROUP}");
            tell("waiting until the ledger is ready");
            block_in_place(|| until_quotas_ready(cluster))?;
            Ok((Arc::new(replicas), Some(ledger)))
        }
        Counting::LiveList => {
            let identity = Identity::of(replicas::common_address(cluster))?;
            let program = std::env::current_exe()?.with_file_name("live-list-counter");
            let certificate = identity.certificate.clone();
            let counter = Counter::LiveList { program, limit: args.limit, identity };
            let replicas = Replicas::start(cluster, &counter, args.replicas, args.apiservers).await?;
            block_in_place(|| replicas.until_ready())?;
            let url = replicas::url(cluster);
            let hook = Hook { name: QUOTA, url, certificate: &certificate, probe: QUOTA_PROBE };
            hook.install(servers).await?;
            Ok((Arc::new(replicas), None))
        }
    }
}

/// Tells the webhook of another limit than its own, before it starts.
async fn set_limit(servers: &[Server], limit: usize) -> Result<()> {
    let policy = json!({
        "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"quotas": [{"resource": format!("{PLURAL}.{GROUP}"), "limit": limit}]},
    });
    let path = "/apis/kubectl-backup.dev/v1alpha1/backuppolicies/default?fieldManager=stress";
    let call = Call { user: "", method: Method::PATCH, path, content: APPLY, body: policy.to_string() };
    let (status, answer) = servers.first().context("no API server")?.send(call).await?;
    ensure!(status.is_success(), "setting the limit: {status} {}", String::from_utf8_lossy(&answer));
    Ok(())
}

fn keep_logs(cluster: &Cluster, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, path) in Cluster::logs(cluster.name())? {
        std::fs::copy(&path, folder.join(format!("{}.log", name.replace('/', "_"))))
            .with_context(|| format!("keeping the log of {name}"))?;
    }
    Ok(())
}
