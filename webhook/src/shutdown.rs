//! Signals that ask the process to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Returns at SIGTERM or SIGINT.
pub async fn requested() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
