//! `-k`: what `kubectl kustomize` makes of a folder.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
};

use crate::error::{CliError, Result};

/// The most that it may print.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// How long it may take: it may fetch remote bases.
const TIME: Duration = Duration::from_secs(60);

/// Runs `kubectl kustomize FOLDER` and returns what it prints.
///
/// # Errors
/// When there is no kubectl, or it fails, or prints too much.
pub async fn build(folder: &Path) -> Result<Vec<u8>> {
    let doing = format!("kubectl kustomize {}", folder.display());
    let mut child = Command::new(kubectl())
        .arg("kustomize")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            CliError::new(format!("failed to run {doing}: {error}"))
                .hint("-k needs kubectl on the PATH. Other builders can be piped in: kustomize build DIR | kubectl backup lint -f -")
        })?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let run = async {
        let (out, err) = tokio::try_join!(read(out), read(err))?;
        Ok::<_, std::io::Error>((out, err, child.wait().await?))
    };
    let (out, err, status): (Vec<u8>, Vec<u8>, ExitStatus) = tokio::time::timeout(TIME, run)
        .await
        .map_err(|_| CliError::new(format!("{doing} took longer than {} s", TIME.as_secs())))?
        .map_err(|error| CliError::new(format!("failed to read what {doing} prints: {error}")))?;
    if out.len() as u64 > MAX_BYTES {
        return Err(CliError::new(format!("{doing} prints more than {} MiB", MAX_BYTES / 1024 / 1024)));
    }
    if !status.success() {
        let said = String::from_utf8_lossy(&err);
        return Err(CliError::new(format!("{doing} failed: {}", said.trim())));
    }
    Ok(out)
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(MAX_BYTES + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// kubectl tells its plugins where it is.
#[allow(clippy::disallowed_methods, reason = "the edge where the plugin reads the environment")]
fn kubectl() -> std::ffi::OsString {
    std::env::var_os("KUBECTL_PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| "kubectl".into())
}
