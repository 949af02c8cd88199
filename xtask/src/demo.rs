//! The main job, run aloud on a real cluster.

/// Arguments of `cargo xtask demo`.
#[derive(clap::Args)]
pub struct Args {}

impl Args {
    pub fn run(self) -> anyhow::Result<()> {
        anyhow::bail!("not built yet")
    }
}
