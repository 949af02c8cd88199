//! Measurements beside peers, in the same run, as ratios.

mod cli;
mod fixture;
mod measure;
mod snapshots;
mod together;
mod webhook;

use anyhow::Result;
use clap::Subcommand;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The plugin's start and its lists, beside Velero's CLI and kubectl
    Cli(cli::Args),
    /// Hundreds of snapshots listed, pruned and deleted, beside kubectl
    Snapshots(snapshots::Args),
    /// The webhook beside Gatekeeper and beside none
    #[command(disable_help_flag = true)]
    Webhook(webhook::Args),
    /// Volumes snapshotted together, beside each by itself
    Together(together::Args),
    /// Run a program once and print its wall time and peak memory
    #[command(hide = true)]
    Measure(measure::Args),
}

impl Args {
    pub fn run(self) -> Result<()> {
        match self.what {
            What::Cli(args) => args.run(),
            What::Snapshots(args) => args.run(),
            What::Webhook(args) => args.run(),
            What::Together(args) => args.run(),
            What::Measure(args) => args.run(),
        }
    }
}
