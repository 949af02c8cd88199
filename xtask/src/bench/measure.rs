//! One run of one program: wall time and peak memory.
//!
//! The kernel keeps the peak over all children of a process, so each run gets a process of its own that has no other.

use std::{
    ffi::OsString,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// Arguments of the hidden verb.
#[derive(clap::Args)]
pub struct Args {
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// What one run took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Wall time.
    pub seconds: f64,
    /// Peak of the resident memory.
    pub megabytes: f64,
}

impl Args {
    pub fn run(self) -> Result<()> {
        let (program, args) = self.command.split_first().context("no program")?;
        let started = Instant::now();
        let output = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .with_context(|| format!("run {}", program.display()))?;
        let seconds = started.elapsed().as_secs_f64();
        ensure!(
            output.status.success(),
            "{} ended with {}: {}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let kibibytes = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
        #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
        let megabytes = kibibytes as f64 * 1024.0 / 1e6;
        println!("{}", serde_json::to_string(&Run { seconds, megabytes })?);
        Ok(())
    }
}

/// Runs a command in a process of its own, as often as told, and returns the medians.
pub fn median(command: &Command, runs: usize) -> Result<Run> {
    let own = std::env::current_exe()?;
    let mut all = Vec::new();
    for _ in 0..runs {
        let mut measured = Command::new(&own);
        measured.args(["bench", "measure", "--"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                measured.env(name, value);
            }
        }
        let output = measured.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        all.push(serde_json::from_slice::<Run>(&output.stdout)?);
    }
    Ok(Run {
        seconds: middle(all.iter().map(|run| run.seconds)),
        megabytes: middle(all.iter().map(|run| run.megabytes)),
    })
}

/// The median; 0 of nothing.
pub fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
