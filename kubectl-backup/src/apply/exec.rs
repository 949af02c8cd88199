//! Runs a command in a container.

use std::time::Duration;

use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kube::{Api, api::AttachParams};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::{client::Cluster, error::CliError, plan::snapshot::pause::Target};

/// What is kept of each of a command's outputs: its end, which says why it failed.
const KEPT: usize = 2048;

/// How a command in a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With 0.
    Done,
    /// The pod is gone, and with it what ran there.
    Gone,
    /// Not with 0; why, with the end of its output.
    Failed(String),
    /// It was not begun, as far as is known: the server or the pod's node did not answer.
    Unreachable(String),
    /// It did not end in time. It may still be running.
    TimedOut,
}

/// Runs the command and waits for its end, for so long at most.
pub async fn exec(cluster: &Cluster, target: &Target, command: &[String], limit: Duration) -> End {
    tokio::time::timeout(limit, run(cluster, target, command)).await.unwrap_or(End::TimedOut)
}

async fn run(cluster: &Cluster, target: &Target, command: &[String]) -> End {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = AttachParams::default().container(&target.container).stdin(false).stdout(true).stderr(true);
    let mut process = match api.exec(&target.pod, command, &params).await {
        Ok(process) => process,
        Err(kube::Error::Api(status)) if status.code == 404 => return End::Gone,
        Err(error) => {
            let doing = format!("run a command in container {:?} of pod {:?}", target.container, target.pod);
            let refused = matches!(&error, kube::Error::Api(status) if (400..500).contains(&status.code));
            let message = CliError::from_kube(error, &doing).message;
            return if refused { End::Failed(message) } else { End::Unreachable(message) };
        }
    };
    let status = process.take_status();
    let (stdout, stderr) = (process.stdout(), process.stderr());
    let (stdout, stderr) = tokio::join!(tail(stdout), tail(stderr));
    let status = match status {
        Some(status) => status.await,
        None => None,
    };
    let joined = process.join().await;
    let output = [stdout, stderr].map(|text| text.trim().to_owned());
    let output = output.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join("\n");
    match (status, joined) {
        (Some(status), _) => judge(&status, &output),
        (None, Err(error)) => End::Failed(format!("the connection to it broke: {error}")),
        (None, Ok(())) => End::Failed("the connection to it ended before it did".to_owned()),
    }
}

fn judge(status: &Status, output: &str) -> End {
    if status.status.as_deref() == Some("Success") {
        return End::Done;
    }
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let code = causes.into_iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let why = match code.and_then(|cause| cause.message.as_ref()) {
        Some(code) => format!("it ended with {code}"),
        None => status.message.clone().unwrap_or_default(),
    };
    End::Failed(if output.is_empty() { why } else { format!("{why}: {output}") })
}

/// Reads to the end and returns the last of it.
async fn tail(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count) = stream.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(status: serde_json::Value, output: &str) -> End {
        judge(&serde_json::from_value(status).unwrap(), output)
    }

    #[test]
    fn how_a_command_ended_is_told_with_its_last_words() {
        assert_eq!(judged(json!({"status": "Success"}), "x"), End::Done);
        let failed = json!({"status": "Failure", "message": "command terminated with non-zero exit code", "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}});
        assert_eq!(judged(failed, "no such file"), End::Failed("it ended with 3: no such file".into()));
        let broken = json!({"status": "Failure", "message": "no such executable"});
        assert_eq!(judged(broken, ""), End::Failed("no such executable".into()));
    }

    #[tokio::test]
    async fn only_the_end_of_a_long_output_is_kept() {
        let long = format!("{}end", "x".repeat(5000));
        let kept = tail(Some(long.as_bytes())).await;
        assert!(kept.len() == KEPT && kept.ends_with("end"));
    }
}
