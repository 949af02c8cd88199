//! Types commands as a user does, and shows what they print.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use test_cluster::Cluster;

/// A shell that talks to the demo's cluster.
pub struct Shell {
    env: Vec<(String, String)>,
}

impl Shell {
    pub fn new(cluster: &Cluster) -> Self {
        Self { env: cluster.env() }
    }

    /// A heading, and what it is about.
    pub fn step(&self, title: &str) {
        println!("\n\x1b[1m── {title}\x1b[0m");
    }

    /// Types a command that must succeed; it writes to the terminal itself.
    pub fn run(&self, line: &str) -> Result<()> {
        println!("\x1b[32m$ {line}\x1b[0m");
        let status = self.command(line).status().with_context(|| format!("run {line}"))?;
        ensure!(status.success(), "`{line}` ended with {status}");
        Ok(())
    }

    /// Types a command that must be refused, and returns what it says.
    pub fn refused(&self, line: &str) -> Result<String> {
        println!("\x1b[32m$ {line}\x1b[0m");
        let output = self.command(line).output().with_context(|| format!("run {line}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        print!("{}{said}", String::from_utf8_lossy(&output.stdout));
        if output.status.success() {
            bail!("`{line}` should have been refused");
        }
        Ok(said)
    }

    /// What a command prints; the command is not shown.
    pub fn quiet(&self, line: &str) -> Result<String> {
        let output = self.command(line).output().with_context(|| format!("run {line}"))?;
        ensure!(
            output.status.success(),
            "`{line}` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Applies manifests.
    pub fn apply(&self, manifests: &str) -> Result<()> {
        let mut child = self.command("kubectl apply -f -").stdin(Stdio::piped()).spawn().context("run kubectl")?;
        child.stdin.take().context("kubectl has no input")?.write_all(manifests.as_bytes())?;
        let status = child.wait()?;
        ensure!(status.success(), "kubectl apply ended with {status}");
        Ok(())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).envs(self.env.iter().cloned());
        command
    }
}
