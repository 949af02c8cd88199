//! `cargo xtask stress quota`.

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    stress::run(&stress::Args::parse()).await
}
