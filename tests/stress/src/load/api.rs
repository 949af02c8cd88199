//! The API servers, as a client of the load sees them.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use test_cluster::Cluster;
use tokio::time::timeout;

use crate::history::Ticket;
use crate::store::TICKET;

/// Longer than an API server takes over a request, shorter than a run.
const PATIENCE: Duration = Duration::from_secs(45);
/// An answer is one small object, or a list of a few.
const ANSWER_LIMIT: usize = 16 << 20;
/// The load's own finalizer.
pub const FINALIZER: &str = "stress.kubectl-backup.dev/held";

/// The counted resource.
pub const GROUP: &str = "snapshot.storage.k8s.io";
/// Its name in URLs.
pub const PLURAL: &str = "volumesnapshots";
const VERSION: &str = "v1";

/// One API server.
#[derive(Clone)]
pub struct Server {
    client: Client,
}

/// A request to one.
pub struct Call<'a> {
    /// The user; the administrator when empty.
    pub user: &'a str,
    /// The verb.
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    /// What the body is.
    pub content: &'static str,
    /// The body.
    pub body: String,
}

impl Server {
    /// All API servers of a cluster.
    pub async fn all(cluster: &Cluster, count: u8) -> Result<Vec<Self>> {
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig())?;
        let mut servers = Vec::new();
        for index in 0..count {
            let name = cluster.name();
            let context = if index == 0 { name.to_owned() } else { format!("{name}-{}", index + 1) };
            let options = KubeConfigOptions { context: Some(context), ..KubeConfigOptions::default() };
            let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await?;
            config.default_retry = false;
            config.proxy_url = None;
            servers.push(Self { client: Client::try_from(config)? });
        }
        Ok(servers)
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, call: Call<'_>) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::builder().method(call.method).uri(call.path).header("content-type", call.content);
        if !call.user.is_empty() {
            request = request.header("impersonate-user", call.user).header("impersonate-group", "system:masters");
        }
        let request = request.body(Body::from(call.body.into_bytes()))?;
        let answer = async {
            let answer = self.client.send(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
            anyhow::Ok((status, body.map_err(|error| anyhow::anyhow!(error))?.to_bytes()))
        };
        timeout(PATIENCE, answer).await.context("no answer in time")?
    }

    /// Makes a namespace.
    pub async fn create_namespace(&self, name: &str) -> Result<()> {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).to_string();
        let call = Call { user: "", method: Method::POST, path: "/api/v1/namespaces", content: JSON, body };
        let (status, _) = self.send(call).await?;
        anyhow::ensure!(status.is_success(), "making namespace {name}: {status}");
        Ok(())
    }

    /// Reads JSON as the administrator.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let call = Call { user: "", method: Method::GET, path, content: JSON, body: String::new() };
        let (status, body) = self.send(call).await?;
        anyhow::ensure!(status.is_success(), "GET {path}: {status}");
        Ok(serde_json::from_slice(&body)?)
    }
}

/// A plain body.
pub const JSON: &str = "application/json";
/// A body for server-side apply.
pub const APPLY: &str = "application/apply-patch+yaml";
/// A body of patch operations.
pub const PATCH: &str = "application/json-patch+json";

/// All counted objects.
pub fn everywhere() -> String {
    format!("/apis/{GROUP}/{VERSION}/{PLURAL}")
}

/// The counted objects of a namespace.
pub fn collection(namespace: &str) -> String {
    format!("/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}")
}

/// One counted object.
pub fn object(namespace: &str, name: &str) -> String {
    format!("{}/{name}", collection(namespace))
}

/// A snapshot of a claim that does not exist: it is counted all the same, and copies no data.
pub fn manifest(metadata: Value, ticket: Ticket, held: bool) -> Value {
    let mut metadata = metadata;
    metadata["labels"] = json!({TICKET: ticket.to_string()});
    if held {
        metadata["finalizers"] = json!([FINALIZER]);
    }
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": "VolumeSnapshot",
        "metadata": metadata,
        "spec": {"source": {"persistentVolumeClaimName": "none"}, "volumeSnapshotClassName": "none"},
    })
}

/// Takes the load's finalizer away and leaves those of controllers.
pub fn release(finalizers: &[Value]) -> Option<String> {
    let index = finalizers.iter().position(|one| one == FINALIZER)?;
    let path = format!("/metadata/finalizers/{index}");
    Some(json!([{"op": "test", "path": path, "value": FINALIZER}, {"op": "remove", "path": path}]).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_finalizer_is_taken_away() {
        let patch = release(&[json!("a"), json!(FINALIZER)]).expect("a patch");
        assert!(patch.contains("/metadata/finalizers/1"), "{patch}");
        assert_eq!(release(&[json!("a")]), None);
    }
}
