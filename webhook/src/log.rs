//! Logs: JSON lines on stderr, and never an object's contents.

use std::process::ExitCode;

use tracing_subscriber::{EnvFilter, filter::ParseError};

/// Starts logging at a filter such as `info` or `backup_webhook=debug`.
pub fn start(filter: &str) -> Result<(), ParseError> {
    // kube's client logs every answer beyond 399 as an error; whoever made the call says what it means.
    let filter = EnvFilter::try_new(format!("{filter},kube_client=off"))?;
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}

/// Says why the process ends.
pub fn fatal(error: &str) -> ExitCode {
    // Where logging has not started yet, this line has nobody else to write it.
    if tracing::dispatcher::has_been_set() {
        tracing::error!(error, "the webhook ends");
    } else {
        print(error);
    }
    ExitCode::FAILURE
}

#[allow(clippy::print_stderr, reason = "the one line before logging has started")]
fn print(error: &str) {
    eprintln!("backup-webhook: {error}");
}
