//! Start, stop and look at a real cluster on this machine.

/// Arguments of `cargo xtask cluster`.
#[derive(clap::Args)]
pub struct Args {}

impl Args {
    pub fn run(self) -> anyhow::Result<()> {
        anyhow::bail!("not built yet")
    }
}
