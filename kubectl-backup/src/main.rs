//! `kubectl backup`: hot backups by CSI snapshots, cold backups by Velero.

mod apply;
mod args;
mod at_end;
mod cli;
mod client;
mod commands;
mod context;
mod error;
mod exit;
mod facts;
mod jsonpath;
mod lint;
mod output;
mod plan;

fn main() -> std::process::ExitCode {
    cli::run()
}
