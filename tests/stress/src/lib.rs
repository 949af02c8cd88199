//! Quotas under load and faults on a real cluster, with an oracle that replays the store's history.
// A development tool talks to its one user on the terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod balancer;
pub mod bench;
mod beside;
mod configuration;
mod course;
mod faults;
mod figures;
mod history;
mod load;
mod metrics;
mod oracle;
mod refuser;
mod replicas;
mod report;
mod rest;
pub mod review;
mod run;
mod store;
mod tried;

pub use args::Args;
pub use run::run;

/// The name of objects that the live list refuses whatever it counts.
pub const QUOTA_PROBE: &str = "quota-probe";
