//! Volumes snapshotted together, beside each of them by itself.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use test_cluster::{Cluster, Options, Part};

use super::measure::middle;
use crate::compile::Program;

const NAMESPACE: &str = "shop";
const CLASS: &str = "slow";
/// What the time of the whole may be of the slowest single one's.
const AIM: f64 = 1.3;

/// Arguments of `cargo xtask bench together`.
#[derive(clap::Args)]
pub struct Args {
    /// How many volumes
    #[arg(long, default_value_t = 10)]
    volumes: usize,
    /// How long the storage takes for a snapshot
    #[arg(long, default_value = "3s")]
    delay: String,
    /// Times that all are taken together; the median is shown
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

impl Args {
    pub fn run(self) -> Result<()> {
        // The time is the storage's: a debug build will do.
        let compile =
            |package| Program { package, profile: "dev", target_dir: None, linked_statically: false }.compile();
        let plugin = compile("kubectl-backup")?;
        compile("test-csi-driver")?;
        let cluster = self.start()?;
        let names: Vec<String> = (0..self.volumes).map(|index| format!("data-{index}")).collect();
        let one_by_one: Vec<f64> =
            names.iter().map(|name| taken(&cluster, &plugin, std::slice::from_ref(name))).collect::<Result<_>>()?;
        let together: Vec<f64> = (0..self.runs).map(|_| taken(&cluster, &plugin, &names)).collect::<Result<_>>()?;
        let slowest = one_by_one.iter().copied().fold(0.0, f64::max);
        let all = middle(together.iter().copied());
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        println!("\n{} volumes, {} for each by the storage, load {}", self.volumes, self.delay, load.trim());
        println!("  one alone, median    {:>7.2} s", middle(one_by_one.iter().copied()));
        println!("  one alone, slowest   {slowest:>7.2} s");
        println!("  all together, median {all:>7.2} s of {together:.2?}");
        println!("  together, of the slowest alone: {:.3} (aim: at most {AIM})", all / slowest);
        cluster.down()?;
        ensure!(
            all <= slowest * AIM,
            "all together took more than {AIM} times the slowest alone: {all:.2} s of {slowest:.2} s"
        );
        Ok(())
    }

    fn start(&self) -> Result<Cluster> {
        let options = Options {
            name: format!("bench-{}", std::process::id()),
            without: vec![Part::Velero],
            owned: true,
            ..Options::default()
        };
        let started = Instant::now();
        let cluster =
            Cluster::up(&options, &mut |step| eprintln!("{:6.1} s  {step}", started.elapsed().as_secs_f64()))?;
        cluster.kubectl(&["create", "namespace", NAMESPACE], "")?;
        let class = json!({
            "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass", "metadata": {"name": CLASS},
            "driver": "block.csi.test.kubectl-backup.dev", "deletionPolicy": "Delete",
            "parameters": {"fault.test/delay": self.delay},
        });
        let claims = (0..self.volumes).map(claim);
        let items: Vec<Value> = std::iter::once(class).chain(claims).collect();
        cluster.kubectl(
            &["create", "-f", "-"],
            &json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string(),
        )?;
        let bound = ["wait", "-n", NAMESPACE, "pvc", "--all", "--for=jsonpath={.status.phase}=Bound", "--timeout=60s"];
        cluster.kubectl(&bound, "")?;
        Ok(cluster)
    }
}

fn claim(index: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": format!("data-{index}"), "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "test-block-std",
            "resources": {"requests": {"storage": "64Mi"}}},
    })
}

/// Seconds until snapshots of all these are ready. They are deleted afterwards.
fn taken(cluster: &Cluster, plugin: &Path, claims: &[String]) -> Result<f64> {
    let run = |args: &[&str]| -> Result<f64> {
        let started = Instant::now();
        let output = Command::new(plugin)
            .env("KUBECONFIG", cluster.kubeconfig())
            .args(args)
            .args(["-n", NAMESPACE])
            .output()
            .with_context(|| format!("run {}", plugin.display()))?;
        ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(started.elapsed().as_secs_f64())
    };
    let claims: Vec<&str> = claims.iter().map(String::as_str).collect();
    let seconds = run(&[&["snapshot", "create", "--class", CLASS], claims.as_slice()].concat())?;
    run(&["snapshot", "delete", "--all", "--yes"])?;
    Ok(seconds)
}
