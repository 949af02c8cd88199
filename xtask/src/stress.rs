//! The quotas under load and faults, on a cluster of their own: compiles what is needed and hands over to the crate `stress`.

use std::{ffi::OsString, process::Command};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;

use crate::compile::Program;

/// Arguments of `cargo xtask stress`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Many clients create and delete snapshots while replicas, API servers and etcd fail; the store's history is the judge
    #[command(disable_help_flag = true)]
    Quota {
        /// Options; --help lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<OsString>,
    },
}

impl Args {
    pub fn run(self) -> Result<()> {
        let What::Quota { options } = self.what;
        quota(&options)
    }
}

/// Runs the stress of the quotas.
pub fn quota(options: &[OsString]) -> Result<()> {
    let compile = |package| Program { package, profile: "dev", target_dir: None, linked_statically: false }.compile();
    compile("test-csi-driver")?;
    let webhook = compile("backup-webhook")?;
    let stress = compile("stress")?;
    let mut command = Command::new(&stress);
    command.arg("--webhook").arg(webhook).args(options);
    command.env("KUBECTL_BACKUP_XTASK", std::env::current_exe()?);
    let status = command.status().with_context(|| format!("run {}", stress.display()))?;
    ensure!(status.success(), "the stress of the quotas ended with {status}");
    Ok(())
}
