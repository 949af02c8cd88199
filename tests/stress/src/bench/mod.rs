//! Our webhook beside Gatekeeper and beside none: on the same API server, with the same pods, in the same run.

mod creates;
mod floor;
mod gatekeeper;
mod pod;
mod process;
mod quota;
mod review_load;
mod subject;
mod table;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use test_cluster::{Cluster, Options, Part};
use tokio::task::block_in_place;

use crate::figures::Sample;
use crate::load::api::Server;
use process::Usage;
use subject::{Subject, Who};
use table::{Direct, Table};

/// Our webhook beside Gatekeeper and beside none
#[derive(Debug, Parser)]
#[command(name = "bench-webhook", bin_name = "cargo xtask bench webhook")]
pub struct Args {
    /// Our webhook's program, as it is released
    #[arg(long, value_name = "FILE")]
    pub webhook: PathBuf,

    /// How long each load on a webhook lasts, in seconds
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,

    /// How many pods are created in each of the rounds
    #[arg(long, default_value_t = 100)]
    pub pods: usize,

    /// How often none, ours and Gatekeeper take turns in the way of pods, and none and ours in the way of snapshots
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,

    /// How many create snapshots at the same time
    #[arg(long, default_value_t = 100)]
    pub creators: usize,

    /// Leave Gatekeeper out
    #[arg(long)]
    pub alone: bool,

    /// How many replicas of ours claims are measured with
    #[arg(long, default_value_t = 3)]
    pub replicas: u8,

    /// Measure only what claims of slots add to creates
    #[arg(long)]
    pub claims: bool,
}

/// Connections of the load on a webhook.
const CONNECTIONS: usize = 32;
/// Requests a second of the second load.
const RATE: u32 = 1000;

/// Measures, prints the table, and fails when something that is aimed at was missed.
pub async fn bench(args: &Args) -> Result<()> {
    let zero = Instant::now();
    let tell = |step: &str| eprintln!("{:6.1} s  {step}", zero.elapsed().as_secs_f64());
    let options = Options {
        name: format!("bench-{}", std::process::id()),
        without: vec![Part::Velero],
        owned: true,
        ..Options::default()
    };
    let cluster = block_in_place(|| Cluster::up(&options, &mut |step| tell(step)))?;
    let measured = measure(args, &cluster, &tell).await;
    let down = block_in_place(|| cluster.down());
    let table = measured?;
    println!("{table}");
    down?;
    let missed = table.missed();
    ensure!(missed.is_empty(), "aims that were missed: {}", missed.join("; "));
    Ok(())
}

async fn measure(args: &Args, cluster: &Cluster, tell: &impl Fn(&str)) -> Result<Table> {
    let servers = Server::all(cluster, 1).await?;
    let server = servers.first().context("no API server")?;
    server.create_namespace("bench").await?;
    let mut table = Table::default();
    tell("starting our webhook");
    let mut ours = Subject::ours(cluster, &args.webhook).await?;
    ours.check().await?;
    if args.claims {
        table.quota = Some(quota::measure(args, cluster, server, &mut ours, tell).await?);
        return Ok(table);
    }
    tell("measuring our webhook");
    table.direct.push(direct(args, &ours).await?);
    let gatekeeper = if args.alone {
        None
    } else {
        tell("starting Gatekeeper");
        ours.out_of_the_way(cluster, server).await?;
        let gatekeeper = Subject::gatekeeper(cluster).await?;
        gatekeeper.check().await?;
        tell("measuring Gatekeeper");
        table.direct.push(direct(args, &gatekeeper).await?);
        Some(gatekeeper)
    };
    tell("creating pods");
    ours.out_of_the_way(cluster, server).await?;
    table.creates = take_turns(args, cluster, server, &ours, gatekeeper.as_ref()).await?;
    drop(gatekeeper);
    table.quota = Some(quota::measure(args, cluster, server, &mut ours, tell).await?);
    Ok(table)
}

/// Reviews straight at a webhook that does nothing else.
async fn direct(args: &Args, subject: &Subject) -> Result<Direct> {
    let review = pod::review("data,logs");
    let (pid, time) = (subject.webhook.id(), Duration::from_secs(args.seconds));
    let rest = Usage::of(pid)?;
    // Not counted: it fills caches and pools of memory.
    subject.target.closed_loop(&review, CONNECTIONS, Duration::from_secs(2)).await?;
    let before = Usage::of(pid)?;
    let busy = subject.target.closed_loop(&review, CONNECTIONS, time).await?;
    let after = Usage::of(pid)?;
    let connections = u32::try_from(CONNECTIONS)?;
    let inside = quota::histogram(subject).await?;
    let steady = subject.target.open_loop(&review, connections, RATE, time).await?;
    let inside = quota::histogram(subject).await?.since(&inside);
    Ok(Direct {
        who: subject.who,
        first_ready_after: subject.first_ready_after,
        ready_after: subject.ready_after,
        rest,
        load: after,
        cpu: after.cpu - before.cpu,
        busy,
        steady,
        inside,
    })
}

/// Nobody, ours and Gatekeeper in turn, so that what else the machine does meets all of them.
async fn take_turns(
    args: &Args,
    cluster: &Cluster,
    server: &Server,
    ours: &Subject,
    gatekeeper: Option<&Subject>,
) -> Result<Vec<(&'static str, Sample)>> {
    let (mut without, mut with_ours, mut with_gatekeeper) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..args.rounds {
        without.extend(creates::pods(server, args.pods, &format!("none-{round}")).await?);
        for (subject, times) in [(Some(ours), &mut with_ours), (gatekeeper, &mut with_gatekeeper)] {
            let Some(subject) = subject else { continue };
            subject.in_the_way(cluster, server).await?;
            times.extend(creates::pods(server, args.pods, &format!("{:?}-{round}", subject.who).to_lowercase()).await?);
            subject.out_of_the_way(cluster, server).await?;
        }
    }
    let sample = |times| Sample::new(times, Duration::ZERO);
    let mut all = vec![("no webhook", sample(without)), ("ours", sample(with_ours))];
    if gatekeeper.is_some() {
        all.push(("Gatekeeper", sample(with_gatekeeper)));
    }
    Ok(all)
}

/// The path of a namespace's snapshots.
fn snapshots_of(namespace: &str) -> String {
    crate::load::api::collection(namespace)
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Gatekeeper => "Gatekeeper",
        }
    }
}
