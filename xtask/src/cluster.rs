//! Start, stop and look at a real cluster on this machine.

use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::compile::Program;
use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;
use test_cluster::{Cluster, Options, Part, Profile, parse_pin};

/// Arguments of `cargo xtask cluster`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start a cluster
    Up(Up),
    /// End clusters and remove all of them
    Down(Down),
    /// Show the clusters of this user
    Status,
    /// Print the lines that make kubectl talk to a cluster, for eval
    Env(Named),
    /// Show the log of a component, or which logs there are
    Logs(Logs),
    /// Bring an image archive to a cluster's node
    Import(Import),
    /// Be the parent of a cluster's processes
    #[command(hide = true)]
    Supervise { folder: PathBuf },
    /// Be the first process of a node's namespaces
    #[command(hide = true)]
    Hold { folder: PathBuf },
}

#[derive(clap::Args)]
struct Up {
    /// control-plane: no root, no pods; node: with a node that runs pods, needs root
    #[arg(long, default_value_t = Profile::ControlPlane)]
    profile: Profile,
    /// The cluster's name, also the name of its context
    #[arg(long, default_value = "default")]
    name: String,
    /// How many API servers
    #[arg(long, value_name = "N", default_value_t = 1)]
    apiservers: u8,
    /// Parts to leave out: velero, snapshots
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    without: Vec<Part>,
    /// Another folder of pins for a component
    #[arg(long = "pin", value_name = "COMPONENT=FOLDER", value_parser = parse_pin)]
    pins: Vec<(String, String)>,
}

#[derive(clap::Args)]
struct Down {
    /// Which one; needed when there are several
    #[arg(long)]
    name: Option<String>,
    /// All clusters of this user
    #[arg(long, conflicts_with = "name")]
    all: bool,
}

#[derive(clap::Args)]
struct Named {
    /// Which one; needed when there are several
    #[arg(long)]
    name: Option<String>,
}

#[derive(clap::Args)]
struct Logs {
    /// The component, such as kube-apiserver, or a container, such as velero
    component: Option<String>,
    /// Keep showing what is added
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    which: Named,
}

#[derive(clap::Args)]
struct Import {
    /// A docker or OCI image archive, such as `cargo xtask image` makes
    archive: PathBuf,
    #[command(flatten)]
    which: Named,
}

impl Args {
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Up(args) => up(args),
            Verb::Down(args) => down(&args),
            Verb::Status => status(),
            Verb::Env(args) => env(&args),
            Verb::Logs(args) => logs(&args),
            Verb::Import(args) => Cluster::attach(&chosen(args.which.name.as_deref())?)?.import_image(&args.archive),
            Verb::Supervise { folder } => test_cluster::supervise(&folder),
            Verb::Hold { folder } => test_cluster::hold(&folder),
        }
    }
}

fn up(args: Up) -> Result<()> {
    // The CSI driver is of this workspace: always the one of this checkout.
    let driver = Program { package: "test-csi-driver", profile: "dev", target_dir: None, linked_statically: false };
    let csi_driver = Some(driver.compile()?);
    let options = Options {
        name: args.name,
        profile: args.profile,
        apiservers: args.apiservers,
        without: args.without,
        pins: args.pins.into_iter().collect(),
        csi_driver,
        ..Options::default()
    };
    let started = Instant::now();
    let cluster = Cluster::up(&options, &mut |step| eprintln!("{:6.1} s  {step}", started.elapsed().as_secs_f64()))?;
    let plugin = link_plugin(&cluster)?;
    let name = cluster.name();
    eprintln!("{:6.1} s  cluster {name} is ready at {}", started.elapsed().as_secs_f64(), cluster.server_url(0));
    let which = if name == "default" { String::new() } else { format!(" --name {name}") };
    eprintln!("\nuse it:    eval \"$(cargo xtask cluster env{which})\"");
    eprintln!("remove it: cargo xtask cluster down{which}");
    if !plugin.exists() {
        eprintln!("for `kubectl backup` there: cargo build -p kubectl-backup");
    }
    Ok(())
}

/// Puts the plugin of this checkout on the cluster's PATH, as it is built now or later; returns where it is built.
pub fn link_plugin(cluster: &Cluster) -> Result<PathBuf> {
    let programs = std::env::current_exe().context("finding the folder of this program")?;
    let plugin = programs.with_file_name("kubectl-backup");
    let link = cluster.bin_dir().join("kubectl-backup");
    symlink(&plugin, &link).with_context(|| format!("putting the plugin on PATH at {}", link.display()))?;
    Ok(plugin)
}

fn down(args: &Down) -> Result<()> {
    let names = if args.all { Cluster::list()? } else { vec![chosen(args.name.as_deref())?] };
    for name in names {
        if Cluster::remove(&name)? {
            eprintln!("cluster {name} is removed");
        } else if args.name.is_some() {
            eprintln!("there is no cluster {name}");
        }
    }
    Ok(())
}

fn status() -> Result<()> {
    let names = Cluster::list()?;
    if names.is_empty() {
        eprintln!("no cluster is up");
    }
    for name in names {
        let status = match Cluster::status(&name) {
            Ok(status) => status,
            Err(error) => {
                println!("{name}\t{error:#} (cargo xtask cluster down --name {name})");
                continue;
            }
        };
        let age = Duration::from_secs(status.age.as_secs());
        println!("{name}\t{}\t{}\t{age:?}\t{}", status.profile, status.state, status.url);
        let versions: Vec<String> =
            status.versions.iter().map(|(component, version)| format!("{component} {version}")).collect();
        println!("    {}", versions.join(", "));
        for (component, how) in status.ended {
            println!("    {component} ended: {how} (cargo xtask cluster logs {component} --name {name})");
        }
    }
    Ok(())
}

fn env(args: &Named) -> Result<()> {
    let cluster = Cluster::attach(&chosen(args.name.as_deref())?)?;
    println!("export KUBECONFIG={}", quoted(&cluster.kubeconfig()));
    println!("export KUBECACHEDIR={}", quoted(&cluster.kubectl_cache()));
    println!("export PATH={}:\"$PATH\"", quoted(&cluster.bin_dir()));
    Ok(())
}

/// A path as one word of the shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

fn logs(args: &Logs) -> Result<()> {
    let name = chosen(args.which.name.as_deref())?;
    let Some(component) = &args.component else {
        let names: Vec<String> = Cluster::logs(&name)?.into_keys().collect();
        println!("{}", names.join("\n"));
        return Ok(());
    };
    let path = Cluster::find_log(&name, component)?;
    if args.follow {
        let status =
            Command::new("tail").args(["--lines=+1", "--follow"]).arg(&path).status().context("running tail")?;
        ensure!(status.success(), "tail ended with {status}");
        return Ok(());
    }
    let mut file = std::fs::File::open(&path)?;
    let mut output = io::stdout().lock();
    io::copy(&mut file, &mut output)?;
    output.flush()?;
    Ok(())
}

/// The named cluster, or the only one.
fn chosen(name: Option<&str>) -> Result<String> {
    if let Some(name) = name {
        return Ok(name.to_owned());
    }
    let names = Cluster::list()?;
    match names.as_slice() {
        [] => bail!("no cluster is up: cargo xtask cluster up"),
        [only] => Ok(only.clone()),
        several => bail!("several clusters are up, name one with --name: {}", several.join(", ")),
    }
}
