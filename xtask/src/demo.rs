//! The main job, run aloud on a real cluster: each step with the command it types and what that shows.

mod shell;
mod shop;
mod steps;

use std::{fs, time::Instant};

use anyhow::{Context, Result};
use test_cluster::{Cluster, Options, Profile};

use crate::compile::Program;
use shell::Shell;

/// The cluster that the demo starts and leaves up.
const NAME: &str = "demo";

/// Arguments of `cargo xtask demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Remove the cluster at the end instead of leaving it up
    #[arg(long)]
    remove: bool,
}

impl Args {
    pub fn run(self) -> Result<()> {
        let started = Instant::now();
        let say = |step: &str| eprintln!("{:6.1} s  {step}", started.elapsed().as_secs_f64());
        say("building the plugin, the webhook and the test CSI driver");
        let plugin = program("kubectl-backup")?;
        program("test-csi-driver")?;
        let image = crate::image::archive("dev")?;
        if Cluster::remove(NAME)? {
            say("removed the cluster of an earlier demo");
        }
        let options = Options { name: NAME.into(), profile: Profile::Node, ..Options::default() };
        let cluster = Cluster::up(&options, &mut |step| say(step))?;
        let link = cluster.state_dir().join("bin/kubectl-backup");
        fs::copy(&plugin, &link).with_context(|| format!("copying the plugin to {}", link.display()))?;
        say("installing the webhook from manifests/webhook");
        test_cluster::webhook::install_pods(&cluster, &image)?;
        say("ready");

        let shell = Shell::new(&cluster);
        steps::run(&shell)?;
        println!("\nThe whole way took {:.0} s.", started.elapsed().as_secs_f64());
        if self.remove {
            return cluster.down();
        }
        println!("\nThe cluster is up. Look around:");
        println!("    eval \"$(cargo xtask cluster env --name {NAME})\"");
        println!("    kubectl backup list");
        println!("    kubectl backup quota");
        println!("    kubectl get pods -A");
        println!("Remove it, with everything it made:\n    cargo xtask cluster down --name {NAME}");
        Ok(())
    }
}

fn program(package: &str) -> Result<std::path::PathBuf> {
    Program { package, profile: "dev", target_dir: None, linked_statically: false }.compile()
}
