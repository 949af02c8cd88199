//! The main job, run aloud on a real cluster: each step with the command it types and what that shows.

mod shell;
mod shop;
mod steps;

use std::{
    io::{self, IsTerminal as _},
    path::Path,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
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
    /// Remove the cluster of an earlier demo without asking
    #[arg(short, long)]
    yes: bool,
}

impl Args {
    pub fn run(self) -> Result<()> {
        self.replace_earlier()?;
        let started = Instant::now();
        let say = |step: &str| eprintln!("{:6.1} s  {step}", started.elapsed().as_secs_f64());
        say("building the plugin, the webhook and the test CSI driver");
        program("kubectl-backup")?;
        program("test-csi-driver")?;
        let image = crate::image::archive("dev")?;
        let options = Options { name: NAME.into(), profile: Profile::Node, ..Options::default() };
        let cluster = Cluster::up(&options, &mut |step| say(step))?;
        say_how_to_remove_when_interrupted()?;
        let shown = show(&cluster, &image, &say);
        match &shown {
            Ok(()) => println!("\nThe whole way took {:.0} s.", started.elapsed().as_secs_f64()),
            Err(_) if !self.remove => eprintln!("\nThe cluster is still up, to look around. {}", how_to_remove()),
            Err(_) => {}
        }
        if self.remove {
            return cluster.down().and(shown);
        }
        shown?;
        println!("\nThe cluster is up. Look around:");
        println!("    eval \"$(cargo xtask cluster env --name {NAME})\"");
        println!("    kubectl backup list");
        println!("    kubectl backup quota");
        println!("    kubectl get pods -A");
        println!(
            "\nThe demo has filled both quotas: further snapshots and schedules are refused until you free a slot:"
        );
        println!("    kubectl backup snapshot delete slot-10 -n shop");
        println!("    velero schedule delete nightly-3");
        println!("\n{}", how_to_remove());
        Ok(())
    }

    /// The demo's cluster is only the demo's; but who has looked around in it may have put something there.
    fn replace_earlier(&self) -> Result<()> {
        if !Cluster::list()?.iter().any(|name| name == NAME) {
            return Ok(());
        }
        if !self.yes && io::stdin().is_terminal() {
            eprint!(
                "The cluster of an earlier demo is there. Remove it, with everything in it, and start anew? [y/N] "
            );
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).context("reading the answer")?;
            ensure!(
                matches!(answer.trim(), "y" | "Y" | "yes"),
                "not confirmed; the earlier demo's cluster is as it was"
            );
        }
        eprintln!("removing the cluster of an earlier demo, with everything in it");
        Cluster::remove(NAME)?;
        Ok(())
    }
}

fn show(cluster: &Cluster, image: &Path, say: &dyn Fn(&str)) -> Result<()> {
    crate::cluster::link_plugin(cluster)?;
    say("installing the webhook from manifests/webhook");
    test_cluster::webhook::install_pods(cluster, image)?;
    say("ready");
    steps::run(&Shell::new(cluster)?)
}

fn how_to_remove() -> String {
    format!("Remove it, with everything it made:\n    cargo xtask cluster down --name {NAME}")
}

/// From here on the cluster outlives this program, whatever ends it.
fn say_how_to_remove_when_interrupted() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("listening for signals")?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("\ninterrupted; the cluster is still up. {}", how_to_remove());
            // It has only the default's effect: to end this program.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
    Ok(())
}

fn program(package: &str) -> Result<std::path::PathBuf> {
    Program { package, profile: "dev", target_dir: None, linked_statically: false }.compile()
}
