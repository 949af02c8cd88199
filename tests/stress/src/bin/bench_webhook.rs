//! `cargo xtask bench webhook`.

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    stress::bench::bench(&stress::bench::Args::parse()).await
}
