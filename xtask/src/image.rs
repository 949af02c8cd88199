//! The webhook's container image, made without Docker.

/// Arguments of `cargo xtask image`.
#[derive(clap::Args)]
pub struct Args {}

impl Args {
    pub fn run(self) -> anyhow::Result<()> {
        anyhow::bail!("not built yet")
    }
}
