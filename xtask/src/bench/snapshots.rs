//! Hundreds of snapshots listed, pruned and deleted, beside kubectl on the same cluster.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use test_cluster::{Cluster, Options, Part};

use super::measure::median;
use crate::compile::Program;

const NAMESPACE: &str = "many";

/// Arguments of `cargo xtask bench snapshots`.
#[derive(clap::Args)]
pub struct Args {
    /// How many PVCs there are
    #[arg(long, default_value_t = 50)]
    claims: usize,
    /// How many snapshots of each, at least 10
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(10..))]
    each: u16,
    /// Runs of each list; the median is shown
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// The cargo profile of the plugin
    #[arg(long, default_value = "release")]
    profile: String,
}

impl Args {
    pub fn run(self) -> Result<()> {
        let program = |package, profile| Program { package, profile, target_dir: None, linked_statically: false };
        let plugin = program("kubectl-backup", &self.profile).compile()?;
        program("test-csi-driver", "dev").compile()?;
        let cluster = self.start()?;
        let kubectl = cluster.bin("kubectl")?;
        let command = |program: &Path, args: &[&str]| {
            let mut command = Command::new(program);
            command.env("KUBECONFIG", cluster.kubeconfig()).args(args);
            command
        };
        println!("{} snapshots of {} PVCs", self.claims * usize::from(self.each), self.claims);
        let ours = median(&command(&plugin, &["snapshot", "list", "-n", NAMESPACE]), self.runs)?;
        let theirs = median(&command(&kubectl, &["get", "volumesnapshots", "-n", NAMESPACE]), self.runs)?;
        println!("\nlist");
        for (who, run) in [("kubectl backup", ours), ("kubectl", theirs)] {
            println!("  {who:<16}{:>9.1} ms {:>9.1} MB", run.seconds * 1e3, run.megabytes);
        }
        println!("  time, of kubectl's: {:.3}", ours.seconds / theirs.seconds);

        let before = count(&cluster)?;
        let prune = ["snapshot", "prune", "--keep", "5", "-n", NAMESPACE, "--yes", "--timeout", "20m"];
        let prune = timed(command(&plugin, &prune))?;
        let pruned = before - count(&cluster)?;
        // The same number for each: one of every PVC.
        let theirs = timed(command(&kubectl, &["delete", "volumesnapshots", "-n", NAMESPACE, "-l", "part=8"]))?;
        let delete = ["snapshot", "delete", "-n", NAMESPACE, "-l", "part=9", "--yes", "--timeout", "20m"];
        let ours = timed(command(&plugin, &delete))?;
        println!("\ndelete {} and wait until they are gone", self.claims);
        for (who, seconds) in [("kubectl backup", ours), ("kubectl", theirs)] {
            println!("  {who:<16}{seconds:>9.2} s");
        }
        println!("  time, of kubectl's: {:.3}", ours / theirs);
        println!("\nprune {pruned} of {before}\n  kubectl backup  {prune:>9.2} s");
        let each = |seconds: f64, number: usize| seconds * 1e3 / f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let ratio = each(prune, pruned) / each(theirs, self.claims);
        println!("  time for each, of kubectl's delete: {ratio:.3}");
        cluster.down()
    }

    /// A cluster with bound PVCs and ready snapshots, and no webhook: no limit.
    fn start(&self) -> Result<Cluster> {
        let options = Options {
            name: format!("bench-{}", std::process::id()),
            without: vec![Part::Velero],
            owned: true,
            ..Options::default()
        };
        let started = Instant::now();
        let mut say = |step: &str| eprintln!("{:6.1} s  {step}", started.elapsed().as_secs_f64());
        let cluster = Cluster::up(&options, &mut say)?;
        cluster.kubectl(&["create", "namespace", NAMESPACE], "")?;
        let claims: Vec<Value> = (0..self.claims).map(claim).collect();
        create(&cluster, &claims)?;
        let bound = "--for=jsonpath={.status.phase}=Bound";
        cluster.kubectl(&["wait", "-n", NAMESPACE, "pvc", "--all", bound, "--timeout=10m"], "")?;
        for part in 0..self.each {
            let snapshots: Vec<Value> = (0..self.claims).map(|index| snapshot(index, part)).collect();
            create(&cluster, &snapshots)?;
        }
        let ready = "--for=jsonpath={.status.readyToUse}=true";
        cluster.kubectl(&["wait", "-n", NAMESPACE, "volumesnapshots", "--all", ready, "--timeout=20m"], "")?;
        say("ready");
        Ok(cluster)
    }
}

fn create(cluster: &Cluster, items: &[Value]) -> Result<()> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    cluster.kubectl(&["create", "-f", "-"], &list.to_string()).map(drop)
}

fn claim(index: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": format!("data-{index:03}"), "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "test-block-std",
            "resources": {"requests": {"storage": "1Mi"}}}})
}

fn snapshot(index: usize, part: u16) -> Value {
    json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": format!("data-{index:03}-{part:03}"), "namespace": NAMESPACE, "labels": {"part": part.to_string()}},
        "spec": {"volumeSnapshotClassName": "block-snapshot",
            "source": {"persistentVolumeClaimName": format!("data-{index:03}")}}})
}

fn count(cluster: &Cluster) -> Result<usize> {
    Ok(cluster.kubectl(&["get", "volumesnapshots", "-n", NAMESPACE, "-o", "name"], "")?.lines().count())
}

fn timed(mut command: Command) -> Result<f64> {
    let started = Instant::now();
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(started.elapsed().as_secs_f64())
}
