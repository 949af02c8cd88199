//! `kubectl backup lint` as a user types it, on files and without a cluster.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod bad_input;
mod doors;
mod fix;
mod process;
