//! The admission webhook, as a program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    backup_webhook::main().await
}
