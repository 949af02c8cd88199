//! Our webhook as a process, for clusters without pods: the manifests that users apply, with a URL in place of the
//! Service, and the rights of the webhook's own service account.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::asked::{kubectl, until, until_asked};
use crate::Cluster;
use crate::api::answers;
use crate::kubeconfig::{self, Server};
use crate::leftovers::MARK;

const NAME: &str = "backup-webhook";
const NAMESPACE: &str = "kubectl-backup-system";
const PORT: u16 = 9443;
const ADMIN_PORT: u16 = 9444;

/// The running webhook; it ends with this value.
#[derive(Debug)]
pub struct Webhook {
    child: Child,
    admin_url: String,
    log: PathBuf,
}

impl Webhook {
    /// Where it answers /healthz, /readyz and /metrics.
    #[must_use]
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// What it says.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its process, for signals.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        }
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // The cluster ends what is left of it in any case.
        let _ = self.end();
    }
}

/// Starts the webhook beside a cluster and returns once every API server asks it.
pub fn start_process(cluster: &Cluster, program: &Path) -> Result<Webhook> {
    let address = cluster.host_address();
    apply_url(cluster, &format!("https://{address}:{PORT}"))?;
    let kubeconfig = write_kubeconfig(cluster)?;
    let log = cluster.log(NAME);
    let child = Command::new(program)
        .args(["--listen", &format!("{address}:{PORT}"), "--admin-listen", &format!("{address}:{ADMIN_PORT}")])
        .args(["--tls-name", &address.to_string(), "--drain-delay", "0s", "--ca-overlap", "2s"])
        .env("KUBECONFIG", kubeconfig)
        // Should this process be killed, the cluster's end is also the webhook's.
        .env(MARK, cluster.state_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let mut webhook = Webhook { child, admin_url: format!("http://{address}:{ADMIN_PORT}"), log };
    let ready = format!("{}/readyz", webhook.admin_url);
    until("the webhook is not ready", || {
        if let Some(status) = webhook.child.try_wait()? {
            bail!("the webhook ended ({status}): {}", fs::read_to_string(&webhook.log)?);
        }
        Ok(answers(&ready))
    })?;
    until_asked(cluster)?;
    Ok(webhook)
}

/// Applies everything of `manifests/webhook/base` that needs no pods, with the API servers calling this URL.
pub fn apply_url(cluster: &Cluster, url: &str) -> Result<()> {
    let base = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/webhook/base");
    let manifests = kubectl(cluster, &["kustomize", base], "")?;
    let objects = kubectl(cluster, &["create", "--dry-run=client", "--output=json", "--filename=-"], &manifests)?;
    let objects: Vec<Value> = serde_json::Deserializer::from_str(&objects)
        .into_iter()
        .collect::<Result<_, _>>()
        .context("reading kubectl's answer")?;
    let items: Vec<Value> = objects.into_iter().filter_map(|object| without_pods(object, url)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    kubectl(cluster, &["apply", "--server-side", "--filename=-"], &list).map(drop)
}

fn without_pods(mut object: Value, url: &str) -> Option<Value> {
    match object["kind"].as_str()? {
        "Deployment" | "Service" | "PodDisruptionBudget" => return None,
        _ => {}
    }
    for webhook in object.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap_or_default();
        webhook["clientConfig"] = json!({"url": format!("{url}{path}")});
    }
    Some(object)
}

fn write_kubeconfig(cluster: &Cluster) -> Result<PathBuf> {
    let token = kubectl(cluster, &["create", "token", NAME, "--namespace", NAMESPACE, "--duration=24h"], "")?;
    let server = Server { context: cluster.name().to_owned(), url: cluster.server_url(0) };
    let authority = cluster.state_dir().join("pki/ca.crt");
    let path = cluster.kubeconfig_of(NAME);
    fs::write(&path, kubeconfig::render(&[server], &authority, NAME, token.trim()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_gets_the_url_and_keeps_its_path() {
        let object = json!({"kind": "MutatingWebhookConfiguration", "webhooks": [
            {"name": "a", "clientConfig": {"service": {"name": "x", "path": "/mutate"}}},
        ]});
        let changed = without_pods(object, "https://127.77.1.1:9443").expect("it is kept");
        assert_eq!(changed["webhooks"][0]["clientConfig"], json!({"url": "https://127.77.1.1:9443/mutate"}));
        assert_eq!(without_pods(json!({"kind": "Deployment"}), ""), None);
    }
}
