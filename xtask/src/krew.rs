//! The krew manifest and archive.

mod archive;
mod check;
mod manifest;
mod server;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::compile::{self, Program};
use manifest::Manifest;

const PACKAGE: &str = "kubectl-backup";

/// Arguments of `cargo xtask krew`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    make: Make,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Install the plugin with real krew from an index on this machine, run it, remove it
    Check(Check),
}

/// Makes the archive in target/krew and the manifest in krew/plugins.
#[derive(clap::Args)]
struct Make {
    #[command(flatten)]
    compile: Compile,
    /// Where releases are published; `/vVERSION/ARCHIVE` is added
    #[arg(long, value_name = "URL", default_value_t = format!("{}/releases", manifest::HOMEPAGE))]
    releases: String,
}

#[derive(clap::Args)]
struct Check {
    #[command(flatten)]
    compile: Compile,
}

#[derive(clap::Args)]
struct Compile {
    /// The cargo profile; `quick` compiles faster and makes a bigger program
    #[arg(long, value_name = "PROFILE", default_value = "release")]
    profile: String,
}

impl Args {
    pub fn run(self) -> Result<()> {
        match self.task {
            None => self.make.run(),
            Some(Task::Check(check)) => check.run(),
        }
    }
}

impl Make {
    fn run(&self) -> Result<()> {
        let root = compile::root();
        let archive = self.compile.archive(&root.join("target/krew"))?;
        let manifest = archive.manifest(&self.releases).write(&root.join("krew"))?;
        println!("{}\n{}", archive.path.display(), manifest.display());
        Ok(())
    }
}

impl Check {
    fn run(&self) -> Result<()> {
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let archive = self.compile.archive(folder.path())?;
        let server = server::Server::start(&archive.path, compile::VERSION)?;
        let index = folder.path().join("index");
        archive.manifest(&server.releases()).write(&index)?;
        check::install_and_run(&index, &folder.path().join("home"))?;
        // A failing removal would leave files behind without a word.
        folder.close().context("remove the temporary folder")
    }
}

impl Compile {
    fn archive(&self, folder: &Path) -> Result<Archive> {
        eprintln!("compiling {PACKAGE} (profile {})", self.profile);
        let program = Program { package: PACKAGE, profile: &self.profile, target_dir: None, linked_statically: false };
        let program = program.compile()?;
        fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
        let path = folder.join(format!("{PACKAGE}-{}-linux-amd64.tar.gz", compile::VERSION));
        let sha256 = archive::write(&path, &program, &compile::root().join("LICENSE"))
            .with_context(|| format!("make the archive {}", path.display()))?;
        eprintln!("made {} with SHA-256 {sha256}", path.display());
        Ok(Archive { path, sha256 })
    }
}

/// An archive for krew that was made here.
struct Archive {
    path: PathBuf,
    sha256: String,
}

impl Archive {
    fn manifest<'a>(&'a self, releases: &'a str) -> Manifest<'a> {
        Manifest { version: compile::VERSION, releases, sha256_linux_amd64: &self.sha256 }
    }
}
