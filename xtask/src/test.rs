//! All tests, as CI runs them: style, unit tests, then the end-to-end tests on clusters started for them.

use std::{io, path::PathBuf, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use test_cluster::{Cluster, Options, Profile};

use crate::compile::{self, Program, root};

mod attempts;

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Only these stages; all when absent
    #[arg(long = "only", value_enum, value_name = "STAGE")]
    only: Vec<Stage>,
    /// Do not try a failed end-to-end test once more
    #[arg(long)]
    once: bool,
    /// Passed to the end-to-end tests, such as a part of a test's name
    #[arg(last = true)]
    filter: Vec<String>,
}

/// A stage of the tests, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// Formatting, lints, and whether generated files are up to date
    Style,
    /// What needs no cluster
    Unit,
    /// End to end on a control plane
    ControlPlane,
    /// End to end on clusters that lack something or have our webhook as a process
    SpecialClusters,
    /// The quotas under load and faults, in short
    Stress,
    /// End to end with pods
    Node,
}

impl Args {
    pub fn run(self) -> Result<()> {
        let started = Instant::now();
        let (mut done, mut unsteady) = (Vec::new(), Vec::new());
        for stage in Stage::value_variants().iter().copied() {
            if !self.only.is_empty() && !self.only.contains(&stage) {
                continue;
            }
            let stage_started = Instant::now();
            eprintln!("\n== {stage:?}");
            unsteady.extend(self.stage(stage).with_context(|| format!("stage {stage:?} failed"))?);
            done.push(format!("{stage:?} {} s", stage_started.elapsed().as_secs()));
        }
        for test in unsteady {
            eprintln!(
                "\nUNSTEADY: {test} failed, and passed at the second attempt. Something is wrong with it, or with what it tests."
            );
        }
        eprintln!("\nall stages passed in {} s: {}", started.elapsed().as_secs(), done.join(", "));
        Ok(())
    }

    /// The tests that passed only at the second attempt.
    fn stage(&self, stage: Stage) -> Result<Vec<String>> {
        match stage {
            Stage::Style => {
                cargo(&["fmt", "--all", "--check"])?;
                cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])?;
                crate::r#gen::check()?;
            }
            Stage::Unit => cargo(&["test", "--quiet"])?,
            Stage::ControlPlane => {
                let programs = Programs::compile()?;
                let cluster = up("test", Profile::ControlPlane)?;
                let result = self.end_to_end("control_plane", &programs, Some(&cluster));
                return down(cluster, result);
            }
            Stage::SpecialClusters => return self.end_to_end("special_clusters", &Programs::compile()?, None),
            Stage::Stress => {
                crate::stress::quota(&["--quick".into()])?;
                // The same load must be seen to find a counter out that lists first and creates then.
                let weak = ["--counter", "live-list", "--no-faults", "--creates", "300"];
                crate::stress::quota(&weak.map(Into::into))?;
            }
            Stage::Node => {
                let programs = Programs::compile()?;
                let image = crate::image::archive("dev")?;
                let cluster = up("testnode", Profile::Node)?;
                let result = test_cluster::webhook::install_pods(&cluster, &image)
                    .and_then(|()| self.end_to_end("node", &programs, Some(&cluster)))
                    // After all others: these take the webhook away.
                    .and_then(|before| Ok([before, self.end_to_end("outages", &programs, Some(&cluster))?].concat()));
                return down(cluster, result);
            }
        }
        Ok(Vec::new())
    }

    fn end_to_end(&self, target: &str, programs: &Programs, cluster: Option<&Cluster>) -> Result<Vec<String>> {
        let executable = std::env::current_exe()?;
        let command = || {
            let mut tests = compile::cargo();
            tests.current_dir(root()).args(["test", "--quiet", "--package", "e2e-tests", "--test", target, "--"]);
            // Each test speaks to real servers on two cores: more at a time only makes all of them slow.
            tests.arg("--test-threads=2");
            tests.env("KUBECTL_BACKUP_XTASK", &executable);
            tests.env("KUBECTL_BACKUP_PLUGIN", &programs.plugin);
            tests.env("KUBECTL_BACKUP_WEBHOOK", &programs.webhook);
            if let Some(cluster) = cluster {
                let variable = match cluster.profile() {
                    Profile::ControlPlane => "KUBECTL_BACKUP_TEST_CONTROL_PLANE",
                    Profile::Node => "KUBECTL_BACKUP_TEST_NODE",
                };
                tests.env(variable, cluster.name());
            }
            tests
        };
        attempts::run(command, &self.filter, !self.once, &mut io::stdout())
    }
}

/// The programs under test.
struct Programs {
    plugin: PathBuf,
    webhook: PathBuf,
}

impl Programs {
    fn compile() -> Result<Self> {
        let compile =
            |package| Program { package, profile: "dev", target_dir: None, linked_statically: false }.compile();
        compile("test-csi-driver")?;
        Ok(Self { plugin: compile("kubectl-backup")?, webhook: compile("backup-webhook")? })
    }
}

/// Starts a cluster that ends with this process, however that ends.
fn up(name: &str, profile: Profile) -> Result<Cluster> {
    let options =
        Options { name: format!("{name}-{}", std::process::id()), profile, owned: true, ..Options::default() };
    let started = Instant::now();
    let cluster = Cluster::up(&options, &mut |step| eprintln!("{:6.1} s  {step}", started.elapsed().as_secs_f64()))?;
    eprintln!("{:6.1} s  cluster {} is ready", started.elapsed().as_secs_f64(), cluster.name());
    Ok(cluster)
}

/// Ends the cluster; what the tests said comes first.
fn down<T>(cluster: Cluster, result: Result<T>) -> Result<T> {
    if result.is_err() {
        eprintln!(
            "the logs of the cluster's components end with it; run its stage again to look at them while it is up"
        );
    }
    let ended = cluster.down();
    result.and_then(|done| ended.map(|()| done))
}

fn cargo(args: &[&str]) -> Result<()> {
    let mut command = compile::cargo();
    command.current_dir(root()).args(args);
    run(command)
}

fn run(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("run {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
