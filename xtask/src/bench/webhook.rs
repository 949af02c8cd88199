//! The webhook beside Gatekeeper and beside none: compiles what is needed and hands over to the crate `stress`.

use std::{ffi::OsString, process::Command};

use anyhow::{Context, Result, ensure};

use crate::compile::Program;

/// Arguments of `cargo xtask bench webhook`.
#[derive(clap::Args)]
pub struct Args {
    /// Options; --help lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

impl Args {
    pub fn run(self) -> Result<()> {
        let compile =
            |package, profile| Program { package, profile, target_dir: None, linked_statically: false }.compile();
        compile("test-csi-driver", "dev")?;
        let webhook = compile("backup-webhook", "release")?;
        // The load must not be what is slow.
        let bench = compile("stress", "release")?.with_file_name("bench-webhook");
        let mut command = Command::new(&bench);
        command.arg("--webhook").arg(webhook).args(self.options);
        command.env("KUBECTL_BACKUP_XTASK", std::env::current_exe()?);
        let status = command.status().with_context(|| format!("run {}", bench.display()))?;
        ensure!(status.success(), "the measurement ended with {status}");
        Ok(())
    }
}
