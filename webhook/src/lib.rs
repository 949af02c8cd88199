//! The admission webhook: quotas, pod volume annotations, defaults.
//!
//! Way of the data: bytes → review → subject → facts → policy (→ quota's ledger) → answer. One path for all kinds.

mod admin;
mod admit;
mod args;
mod callers;
mod certs;
mod clock;
mod events;
mod facts;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod health;
mod jitter;
mod ledger;
mod listener;
mod log;
mod metrics;
mod paths;
mod policy;
mod router;
mod run;
mod server;
mod shutdown;
mod tls;

use std::process::ExitCode;

use clap::Parser;

/// Reads the command line and serves until the process is asked to stop.
pub async fn main() -> ExitCode {
    // The one provider must be in place before anything speaks TLS; a second one in the tree would make rustls panic.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return log::fatal("another TLS provider was installed first");
    }
    match run::run(args::Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => log::fatal(&error.to_string()),
    }
}
