//! Our webhook as pods, from the manifests that users apply.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::Cluster;

/// How long the API servers may take to see the configuration.
const LIMIT: Duration = Duration::from_secs(30);

/// What the webhook must refuse: Velero would look for a volume named " b".
const PROBE: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"webhook-probe","namespace":"default",
"annotations":{"backup.velero.io/backup-volumes":"a, b"}},"spec":{"containers":[{"name":"c","image":"none"}]}}"#;

/// Imports the image, applies `manifests/webhook/base` and returns once the API server refuses what the webhook refuses.
pub fn install(cluster: &Cluster, image: &Path) -> Result<()> {
    cluster.import_image(image)?;
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/webhook/base");
    succeeds(&kubectl(cluster, &["apply", "-k", manifests], "")?)?;
    let rollout = ["rollout", "status", "-n", "kubectl-backup-system", "deployment/backup-webhook", "--timeout=120s"];
    succeeds(&kubectl(cluster, &rollout, "")?)?;
    until_it_refuses(cluster)
}

/// Returns once the API server refuses what the webhook refuses: a new configuration reaches it a moment late, and
/// nothing says when.
pub fn until_it_refuses(cluster: &Cluster) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let output = kubectl(cluster, &["create", "--dry-run=server", "-f", "-"], PROBE)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if said.contains("BKP101") {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the API server does not ask the webhook after {LIMIT:?}; it says: {said}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn succeeds(output: &Output) -> Result<()> {
    ensure!(output.status.success(), "kubectl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn kubectl(cluster: &Cluster, args: &[&str], input: &str) -> Result<Output> {
    let mut child = Command::new(cluster.bin("kubectl")?)
        .args(args)
        .env("KUBECONFIG", cluster.kubeconfig())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting kubectl")?;
    child.stdin.take().context("kubectl has no input")?.write_all(input.as_bytes())?;
    Ok(child.wait_with_output()?)
}
