//! The webhook's container image, made without Docker.

mod linkage;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use test_cluster::image::Builder;

use crate::compile::{self, Program};

const PACKAGE: &str = "backup-webhook";
const REPOSITORY: &str = "kubectl-backup.dev/backup-webhook";

/// Arguments of `cargo xtask image`.
#[derive(clap::Args)]
pub struct Args {
    /// Where to write the archive [default: target/image/backup-webhook.tar]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name and tag of the image
    #[arg(long, value_name = "NAME:TAG", default_value_t = format!("{REPOSITORY}:{}", compile::VERSION))]
    tag: String,
    /// The cargo profile; `quick` compiles faster and makes a bigger program
    #[arg(long, value_name = "PROFILE", default_value = "release")]
    profile: String,
}

impl Args {
    pub fn run(self) -> Result<()> {
        let output = self.output.unwrap_or_else(default_output);
        make(&self.profile, &self.tag, &output)?;
        println!("{}", output.display());
        Ok(())
    }
}

/// Makes the image under its usual name and returns the archive's path.
pub fn archive(profile: &str) -> Result<PathBuf> {
    let output = default_output();
    make(profile, &format!("{REPOSITORY}:{}", compile::VERSION), &output)?;
    Ok(output)
}

fn folder() -> PathBuf {
    compile::root().join("target/image")
}

fn default_output() -> PathBuf {
    folder().join("backup-webhook.tar")
}

fn make(profile: &str, tag: &str, output: &Path) -> Result<()> {
    let started = Instant::now();
    eprintln!("compiling {PACKAGE} without shared libraries (profile {profile})");
    let folder = folder();
    let program =
        Program { package: PACKAGE, profile, target_dir: Some(&folder), linked_statically: true }.compile()?;
    linkage::require_static(&program)?;
    let digest = image(tag, &program, output)?;
    eprintln!("made {tag} {digest} in {} s", started.elapsed().as_secs());
    Ok(())
}

/// The image holds the program and nothing else: no shell, no package, nothing to keep up to date.
fn image(tag: &str, program: &Path, output: &Path) -> Result<test_cluster::image::Digest> {
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    }
    Builder::new(tag)
        .file("/backup-webhook", program, 0o755)
        .entrypoint(["/backup-webhook"])
        .user("65532:65532")
        .working_dir("/")
        .write(output)
}
