//! kubectl, for what is done once.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use test_cluster::Cluster;

/// Runs it with this input, and gives its output.
pub fn kubectl(cluster: &Cluster, args: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(cluster.bin("kubectl")?)
        .args(args)
        .env("KUBECONFIG", cluster.kubeconfig())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting kubectl")?;
    child.stdin.take().context("kubectl has no input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "kubectl {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
