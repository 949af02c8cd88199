//! Hundreds of snapshots listed, pruned and deleted, beside kubectl on the same cluster, under a quota that lets so many in.

use std::{ops::Range, path::Path, process::Command, time::Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use test_cluster::{
    Cluster, Options, Part,
    webhook::{Webhook, start_process},
};

use super::measure::median;
use crate::compile::Program;

const NAMESPACE: &str = "many";
const RESOURCE: &str = "volumesnapshots.snapshot.storage.k8s.io";

/// Arguments of `cargo xtask bench snapshots`.
#[derive(clap::Args)]
pub struct Args {
    /// How many PVCs there are
    #[arg(long, default_value_t = 50)]
    claims: usize,
    /// How many snapshots of each, at least 3
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(3..))]
    each: u16,
    /// Runs of each list; the median is shown
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// The cargo profile of the plugin and the webhook
    #[arg(long, default_value = "release")]
    profile: String,
}

impl Args {
    pub fn run(self) -> Result<()> {
        let program = |package, profile| Program { package, profile, target_dir: None, linked_statically: false };
        let plugin = program("kubectl-backup", &self.profile).compile()?;
        let webhook = program("backup-webhook", &self.profile).compile()?;
        program("test-csi-driver", "dev").compile()?;
        let (cluster, webhook) = self.start(&webhook)?;
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

        // The same number each time: a third of every PVC's history.
        let third = self.each / 3;
        let keep = (self.each - third).to_string();
        let prune = ["snapshot", "prune", "--keep", &keep, "-n", NAMESPACE, "--yes", "--timeout", "20m"];
        let (pruned, prune) = gone(&cluster, command(&plugin, &prune))?;
        let parts = selector(third..2 * third);
        let theirs = ["delete", "volumesnapshots", "-n", NAMESPACE, "-l", &parts];
        let (of_theirs, theirs) = gone(&cluster, command(&kubectl, &theirs))?;
        let parts = selector(2 * third..3 * third);
        let ours = ["snapshot", "delete", "-n", NAMESPACE, "-l", &parts, "--yes", "--timeout", "20m"];
        let (of_ours, ours) = gone(&cluster, command(&plugin, &ours))?;
        let wanted = self.claims * usize::from(third);
        ensure!([pruned, of_theirs, of_ours] == [wanted; 3], "{wanted} each: {pruned}, {of_theirs}, {of_ours}");
        println!("\n{wanted} deleted, until they are gone");
        for (who, seconds) in [("prune", prune), ("delete", ours), ("kubectl delete", theirs)] {
            println!("  {who:<16}{seconds:>9.2} s, of kubectl's: {:.3}", seconds / theirs);
        }
        drop(webhook);
        cluster.down()
    }

    /// A cluster with our webhook, whose limit is just reached, with bound PVCs and ready snapshots.
    fn start(&self, webhook: &Path) -> Result<(Cluster, Webhook)> {
        let options = Options {
            name: format!("bench-{}", std::process::id()),
            without: vec![Part::Velero],
            owned: true,
            ..Options::default()
        };
        let started = Instant::now();
        let mut say = |step: &str| eprintln!("{:6.1} s  {step}", started.elapsed().as_secs_f64());
        let cluster = Cluster::up(&options, &mut say)?;
        let webhook = start_process(&cluster, webhook)?;
        let limit = self.claims * usize::from(self.each);
        let policy = json!({"apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
            "spec": {"quotas": [{"resource": RESOURCE, "limit": limit}]}});
        cluster.kubectl(&["create", "-f", "-"], &policy.to_string())?;
        let seen = "--for=jsonpath={.status.observedGeneration}=1";
        cluster.kubectl(&["wait", "backuppolicy/default", seen, "--timeout=60s"], "")?;
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
        let used = format!("--for=jsonpath={{.status.used}}={limit}");
        cluster.kubectl(&["wait", &format!("quotaledger/{RESOURCE}"), &used, "--timeout=2m"], "")?;
        say("ready");
        Ok((cluster, webhook))
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

fn selector(parts: Range<u16>) -> String {
    let parts: Vec<String> = parts.map(|part| part.to_string()).collect();
    format!("part in ({})", parts.join(","))
}

/// How many snapshots are gone after the command, and the seconds that it took.
fn gone(cluster: &Cluster, mut command: Command) -> Result<(usize, f64)> {
    let before = count(cluster)?;
    let started = Instant::now();
    let output = command.output()?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok((before - count(cluster)?, seconds))
}
