//! The command: arguments, logging, signals.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use test_csi_driver::driver::{Config, Driver};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A CSI driver over a folder of real files, for tests.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The driver's name, as the CSIDriver object and the classes have it
    #[arg(long, value_parser = driver_name)]
    driver_name: String,
    /// The socket to serve CSI on: unix:PATH
    #[arg(long, value_parser = unix_path)]
    endpoint: PathBuf,
    /// The folder for volumes and snapshots; made when missing
    #[arg(long)]
    root: PathBuf,
    /// The node's name; the host's name when not given
    #[arg(long)]
    node_id: Option<String>,
    /// The kubelet's plugins_registry folder: announce the driver there
    #[arg(long)]
    kubelet_registration: Option<PathBuf>,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .init();
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("the async runtime did not start")?;
    let served = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let config = Config {
            driver_name: args.driver_name,
            endpoint: args.endpoint,
            root: args.root,
            node_id: args.node_id.unwrap_or_else(host_name),
            kubelet_registration: args.kubelet_registration,
        };
        #[allow(clippy::disallowed_methods, reason = "the edge: from here on the clock is handed in")]
        let driver = Driver::bind(config, Arc::new(jiff::Timestamp::now))?;
        driver
            .serve(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            })
            .await
    });
    // A copy still under way is abandoned: what it wrote has no record yet and is swept at the next start.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A CSI plugin name: what Kubernetes accepts as a CSIDriver's name.
fn driver_name(text: &str) -> Result<String, String> {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if text.len() <= 63 && inner && ends(text.chars().next()) && ends(text.chars().last()) {
        Ok(text.to_owned())
    } else {
        Err("at most 63 letters, digits, '-' and '.', with a letter or digit at both ends".to_owned())
    }
}

fn unix_path(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("unix:").ok_or("want unix:PATH")?;
    // unix:///run/x.sock is the long way to write unix:/run/x.sock.
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() { Err("want unix:PATH".to_owned()) } else { Ok(PathBuf::from(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_is_read_in_both_spellings() {
        assert_eq!(unix_path("unix:/run/csi.sock"), Ok(PathBuf::from("/run/csi.sock")));
        assert_eq!(unix_path("unix:///run/csi.sock"), Ok(PathBuf::from("/run/csi.sock")));
        assert!(unix_path("tcp://127.0.0.1:1").is_err());
        assert!(unix_path("unix:").is_err());
    }

    #[test]
    fn driver_name_follows_the_csi_rule() {
        assert!(driver_name("block.csi.test.kubectl-backup.dev").is_ok());
        for bad in ["", "-a", "a.", "a/b", "a b", &"a".repeat(64)] {
            assert!(driver_name(bad).is_err(), "{bad:?}");
        }
    }
}
