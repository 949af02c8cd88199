//! The plugin beside Velero's CLI and kubectl: start, a list of thousands of backups, size of the program.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result};
use test_cluster::Cluster;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{
    fixture::{self, NAMESPACE},
    measure::{Run, median, middle},
};
use crate::compile::Program;

/// Arguments of `cargo xtask bench cli`.
#[derive(clap::Args)]
pub struct Args {
    /// How many backups the list has
    #[arg(long, default_value_t = 5000)]
    backups: usize,
    /// Runs of each command; the median is shown
    #[arg(long, default_value_t = 9)]
    runs: usize,
}

/// A measured command of one of the programs.
struct Row {
    who: &'static str,
    run: Run,
}

impl Args {
    pub fn run(self) -> Result<()> {
        let plugin =
            Program { package: "kubectl-backup", profile: "release", target_dir: None, linked_statically: false }
                .compile()?;
        Program { package: "test-csi-driver", profile: "dev", target_dir: None, linked_statically: false }.compile()?;
        let cluster = fixture::start(self.backups)?;
        let velero = test_cluster::program("velero", "velero", &mut |step| eprintln!("{step}"))?;
        let kubectl = cluster.bin("kubectl")?;
        let command = |program: &Path, args: &[&str]| {
            let mut command = Command::new(program);
            command.env("KUBECONFIG", cluster.kubeconfig()).args(args);
            command
        };
        let measured = |who, program: &Path, args: &[&str]| -> Result<Row> {
            Ok(Row { who, run: median(&command(program, args), self.runs)? })
        };

        let start = [
            measured("kubectl backup", &plugin, &["version", "--client"])?,
            measured("velero", &velero, &["version", "--client-only"])?,
            measured("kubectl", &kubectl, &["version", "--client"])?,
        ];
        print("start", &start);
        aim("start: time, of velero's", ratio(&start, |run| run.seconds, 1), 1.0 / 8.0);
        aim("start: memory, of velero's", ratio(&start, |run| run.megabytes, 1), 1.0 / 6.0);

        let get = bare_get(&cluster, self.runs)?;
        let lists = [
            measured("kubectl backup", &plugin, &["list"])?,
            measured("velero", &velero, &["backup", "get", "-n", NAMESPACE])?,
            measured("kubectl", &kubectl, &["get", "backups.velero.io", "-n", NAMESPACE])?,
        ];
        print(&format!("list of {} backups", self.backups), &lists);
        println!("  {:<16}{:>9.1} ms", "bare HTTP GET", get * 1e3);
        aim("list: time, of a bare GET", lists[0].run.seconds / get, 1.2);
        aim("list: time, of velero's", ratio(&lists, |run| run.seconds, 1), 1.0);
        aim("list: memory, of velero's", ratio(&lists, |run| run.megabytes, 1), 1.0 / 4.0);

        println!("\nsize of the program");
        for (who, path) in [("kubectl backup", &plugin), ("velero", &velero), ("kubectl", &kubectl)] {
            println!("  {who:<16}{:>9.1} MB", megabytes(path)?);
        }
        aim("size in MB", megabytes(&plugin)?, 15.0);
        cluster.down()
    }
}

fn print(title: &str, rows: &[Row]) {
    println!("\n{title}");
    for row in rows {
        println!("  {:<16}{:>9.1} ms {:>9.1} MB", row.who, row.run.seconds * 1e3, row.run.megabytes);
    }
}

fn aim(what: &str, value: f64, limit: f64) {
    let verdict = if value <= limit { "reached" } else { "MISSED" };
    println!("  {what}: {value:.3} (aim: at most {limit:.3}: {verdict})");
}

fn ratio(rows: &[Row], figure: impl Fn(&Run) -> f64, of: usize) -> f64 {
    figure(&rows[0].run) / figure(&rows[of].run)
}

#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(path: &Path) -> Result<f64> {
    Ok(fs::metadata(path)?.len() as f64 / 1e6)
}

/// The server's own time: the same list, read to its end and thrown away. Each GET has a connection of its own, as each
/// run of a program has.
fn bare_get(cluster: &Cluster, runs: usize) -> Result<f64> {
    let roots = RootCerts::new_with_certs(&[Certificate::from_pem(cluster.ca_pem()?.as_bytes())?]);
    let token = token(&fs::read_to_string(cluster.kubeconfig())?)?;
    let url = format!("{}/apis/velero.io/v1/namespaces/{NAMESPACE}/backups", cluster.server_url(0));
    let mut seconds = Vec::new();
    for _ in 0..runs {
        let started = Instant::now();
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots.clone()).build())
            .proxy(None)
            .build()
            .into();
        let mut answer =
            agent.get(&url).header("Authorization", format!("Bearer {token}")).call().context("the bare GET")?;
        let mut body = answer.body_mut().as_reader().take(1 << 30);
        io::copy(&mut body, &mut io::sink())?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    Ok(middle(seconds.into_iter()))
}

/// The administrator's token in a kubeconfig.
fn token(kubeconfig: &str) -> Result<String> {
    let value: serde_json::Value = serde_saphyr::from_str(kubeconfig).context("read the kubeconfig")?;
    let token = value.pointer("/users/0/user/token").and_then(|token| token.as_str());
    Ok(token.context("the kubeconfig has no token")?.to_owned())
}
