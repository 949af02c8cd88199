//! `kubectl backup`: hot backups by CSI snapshots, cold backups by Velero.

mod args;
mod cli;
mod client;
mod commands;
mod error;
mod exit;
mod output;

fn main() -> std::process::ExitCode {
    cli::run()
}
