//! kubectl on a cluster that runs, for what is done to it once.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};

use crate::Cluster;

impl Cluster {
    /// Runs kubectl as the administrator with this input, and gives its output. The error says what kubectl said.
    pub fn kubectl(&self, args: &[&str], input: &str) -> Result<String> {
        let mut child = Command::new(self.bin("kubectl")?)
            .args(args)
            .env("KUBECONFIG", self.kubeconfig())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting kubectl")?;
        let mut stdin = child.stdin.take().context("kubectl has no input")?;
        // Beside reading: it may talk before it has read all, and both pipes are of bounded size.
        let (written, output) = thread::scope(|scope| {
            let writing = scope.spawn(move || stdin.write_all(input.as_bytes()));
            let output = child.wait_with_output();
            (writing.join(), output)
        });
        let output = output?;
        ensure!(output.status.success(), "kubectl {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        written.map_err(|_| anyhow!("writing kubectl's input panicked"))?.context("writing kubectl's input")?;
        Ok(String::from_utf8(output.stdout)?)
    }
}
