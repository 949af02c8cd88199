//! Development tasks: `cargo xtask cluster | demo | test | gen | bench | stress | image | krew`.
// A development tool talks to its one user on the terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod cluster;
mod compile;
mod demo;
mod r#gen;
mod image;
mod krew;
mod stress;
mod test;

use clap::{Parser, Subcommand};

/// Development tasks of kubectl backup
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start, stop and look at a real cluster on this machine
    Cluster(cluster::Args),
    /// Start a cluster and run the main job aloud
    Demo(demo::Args),
    /// Run all tests, as CI runs them
    Test(test::Args),
    /// Write the files that are made from the code
    Gen(r#gen::Args),
    /// Measure beside Velero's CLI and kubectl
    Bench(bench::Args),
    /// Put load and faults on the webhook's quotas, on a cluster of their own
    Stress(stress::Args),
    /// Make the webhook's container image, without Docker
    Image(image::Args),
    /// Make and check the krew manifest and archive
    Krew(krew::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().task {
        Task::Cluster(args) => args.run(),
        Task::Demo(args) => args.run(),
        Task::Test(args) => args.run(),
        Task::Gen(args) => args.run(),
        Task::Bench(args) => args.run(),
        Task::Stress(args) => args.run(),
        Task::Image(args) => args.run(),
        Task::Krew(args) => args.run(),
    }
}
