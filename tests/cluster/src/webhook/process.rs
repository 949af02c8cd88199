//! Our webhook as a process, for clusters without pods: the manifests that users apply, with a URL in place of the
//! Service, and the rights of the webhook's own service account.

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::asked::{until, until_asked};
use super::quotas::until_quotas_ready;
use crate::Cluster;
use crate::api::answers;
use crate::kubeconfig::{self, Server};
use crate::leftovers::MARK;

const NAME: &str = "backup-webhook";
const NAMESPACE: &str = "kubectl-backup-system";
const PORT: u16 = 9443;
const ADMIN_PORT: u16 = 9444;
/// For how long the webhook keeps a policy that is missing: long enough for one that is replaced by force, short enough for
/// tests that delete it.
pub const POLICY_GRACE: &str = "3s";

/// The running webhook; it ends with this value.
#[derive(Debug)]
pub struct Webhook {
    command: Command,
    child: Child,
    started: Instant,
    admin_url: String,
    log: PathBuf,
}

/// One of several webhooks of a cluster.
#[derive(Debug, Clone)]
pub struct Replica {
    /// Its log is known by this name.
    pub name: String,
    /// What it listens on.
    pub address: Ipv4Addr,
    /// By which the API servers call any of them.
    pub common_address: Ipv4Addr,
    /// The index of the API server that it speaks to.
    pub server: u8,
}

impl Replica {
    /// Where the API servers' calls are to arrive.
    #[must_use]
    pub fn listens_on(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, PORT)
    }

    /// Where it tells whether it is ready, and its metrics.
    #[must_use]
    pub fn answers_on(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, ADMIN_PORT)
    }

    /// Starts it. It need not be ready when this returns.
    pub fn start(&self, cluster: &Cluster, program: &Path) -> Result<Webhook> {
        self.start_with(cluster, program, &[])
    }

    /// The same, with these variables in its environment.
    pub fn start_with(&self, cluster: &Cluster, program: &Path, variables: &[(&str, PathBuf)]) -> Result<Webhook> {
        self.start_keeping(cluster, program, variables, POLICY_GRACE)
    }

    fn start_keeping(
        &self,
        cluster: &Cluster,
        program: &Path,
        variables: &[(&str, PathBuf)],
        grace: &str,
    ) -> Result<Webhook> {
        let kubeconfig = write_kubeconfig(cluster, self)?;
        let mut command = Command::new(program);
        command
            .args(["--listen", &self.listens_on().to_string(), "--admin-listen", &self.answers_on().to_string()])
            .args(["--tls-name", &self.common_address.to_string(), "--drain-delay", "0s", "--ca-overlap", "2s"])
            // The shortest time after which a create cannot be written any more.
            .args(["--ledger-ttl", "45s"])
            .args(["--policy-grace", grace])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("KUBECONFIG", kubeconfig);
        Webhook::start(cluster, &self.name, command, self.answers_on())
    }
}

impl Webhook {
    /// Starts a program that answers /readyz at `admin` beside a cluster, whose end is also its own.
    pub fn start(cluster: &Cluster, name: &str, mut command: Command, admin: SocketAddrV4) -> Result<Self> {
        let log = cluster.log(name);
        command
            // Should this process be killed, the cluster's end is also the webhook's.
            .env(MARK, cluster.state_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(OpenOptions::new().create(true).append(true).open(&log)?);
        let child = command.spawn().with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self { command, child, started: Instant::now(), admin_url: format!("http://{admin}"), log })
    }

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

    /// When its process was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Fails with what it said when it has ended.
    pub fn still_runs(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the webhook ended ({status}): {}", fs::read_to_string(&self.log)?);
        }
        Ok(())
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it as it was, after it was killed.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_some(), "the webhook still runs");
        self.child = self.command.spawn().context("starting the webhook again")?;
        self.started = Instant::now();
        Ok(())
    }

    /// Stops its clock: it keeps its connections and says nothing.
    pub fn freeze(&mut self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub fn thaw(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Waits until it says that it is ready.
    pub fn until_ready(&mut self) -> Result<()> {
        let ready = format!("{}/readyz", self.admin_url);
        until("the webhook is not ready", || {
            self.still_runs()?;
            Ok(answers(&ready))
        })
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            kill_process(Pid::from_child(&self.child), signal)?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        // A frozen one does not hear.
        self.signal(Signal::CONT)?;
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
    start_process_with(cluster, program, POLICY_GRACE)
}

/// The same, where a policy that is missing is kept for so long.
pub fn start_process_with(cluster: &Cluster, program: &Path, grace: &str) -> Result<Webhook> {
    let address = cluster.host_address();
    apply_url(cluster, &format!("https://{address}:{PORT}"))?;
    let only = Replica { name: NAME.into(), address, common_address: address, server: 0 };
    let mut webhook = only.start_keeping(cluster, program, &[], grace)?;
    webhook.until_ready()?;
    until_asked(cluster)?;
    until_quotas_ready(cluster)?;
    Ok(webhook)
}

/// Applies everything of `manifests/webhook/base` that needs no pods, with the API servers calling this URL.
pub fn apply_url(cluster: &Cluster, url: &str) -> Result<()> {
    apply_url_of(cluster, "base", url)
}

/// The same of another folder of `manifests/webhook`.
pub fn apply_url_of(cluster: &Cluster, folder: &str, url: &str) -> Result<()> {
    let folder = format!("{}/../../manifests/webhook/{folder}", env!("CARGO_MANIFEST_DIR"));
    let manifests = cluster.kubectl(&["kustomize", &folder], "")?;
    let objects = cluster.kubectl(&["create", "--dry-run=client", "--output=json", "--filename=-"], &manifests)?;
    let objects: Vec<Value> = serde_json::Deserializer::from_str(&objects)
        .into_iter()
        .collect::<Result<_, _>>()
        .context("reading kubectl's answer")?;
    let items: Vec<Value> = objects.into_iter().filter_map(|object| without_pods(object, url)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    // By force: where it was applied before, the webhook has written its path into the URL.
    cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "--filename=-"], &list).map(drop)
}

fn without_pods(mut object: Value, url: &str) -> Option<Value> {
    match object["kind"].as_str()? {
        "Deployment" | "Service" | "PodDisruptionBudget" => return None,
        _ => {}
    }
    for webhook in object.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        // The webhook adds the path, where the manifests name none.
        let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap_or_default();
        webhook["clientConfig"] = json!({"url": format!("{url}{path}")});
    }
    Some(object)
}

fn write_kubeconfig(cluster: &Cluster, replica: &Replica) -> Result<PathBuf> {
    let token = cluster.kubectl(&["create", "token", NAME, "--namespace", NAMESPACE, "--duration=24h"], "")?;
    let server = Server { context: cluster.name().to_owned(), url: cluster.server_url(replica.server) };
    let authority = cluster.state_dir().join("pki/ca.crt");
    let path = cluster.kubeconfig_of(&replica.name);
    fs::write(&path, kubeconfig::render(&[server], &authority, NAME, token.trim()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_gets_the_url() {
        let object = json!({"kind": "MutatingWebhookConfiguration", "webhooks": [
            {"name": "a", "clientConfig": {"service": {"name": "x"}}},
        ]});
        let changed = without_pods(object, "https://127.77.1.1:9443").expect("it is kept");
        assert_eq!(changed["webhooks"][0]["clientConfig"], json!({"url": "https://127.77.1.1:9443"}));
        assert_eq!(without_pods(json!({"kind": "Deployment"}), ""), None);
    }
}
