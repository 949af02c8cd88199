//! The driver as a sidecar sees it: through its socket, over real files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "clippy takes only #[test] functions for tests, not what they call"
)]

mod content;
mod faults;
mod harness;
mod idempotency;
mod listing;
mod node;
mod process;
mod registration;
mod restart;
