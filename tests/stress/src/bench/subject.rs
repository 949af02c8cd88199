//! A webhook that is measured: started, asked, told to the API server, ended.

use std::net::SocketAddrV4;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use test_cluster::{
    Cluster,
    webhook::{Replica, Webhook, apply_url, until_asked},
};
use tokio::task::block_in_place;

use super::creates::wrong_pod_is_refused;
use super::gatekeeper;
use super::pod;
use super::review_load::Target;
use crate::balancer;
use crate::load::api::Server;
use crate::replicas::{at, common_address};
use crate::review::Identity;

const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);
const PORT: u16 = 9443;
/// The configuration that sends the measured pods to Gatekeeper.
const CONFIGURATION: &str = "gatekeeper";

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Ours.
    Ours,
    /// Gatekeeper.
    Gatekeeper,
}

/// A running one.
pub struct Subject {
    pub who: Who,
    pub webhook: Webhook,
    pub target: Target,
    /// By which the API server calls it: its own address, or that of a balancer before it and others.
    pub front: SocketAddrV4,
    /// Where it and the others tell their metrics.
    pub admin: Vec<SocketAddrV4>,
    /// From the start of the first one in the cluster until it said that it is ready: it makes what the others find.
    pub first_ready_after: Duration,
    /// From the start of a further one.
    pub ready_after: Duration,
}

/// Further replicas of ours, and what is before all of them. They end with this value.
#[derive(Default)]
pub struct Others {
    pub webhooks: Vec<Webhook>,
    // The balancer ends with it.
    _balancer: tokio::task::JoinSet<()>,
}

impl Subject {
    /// Starts ours. The API server asks it about everything that its manifests say.
    pub async fn ours(cluster: &Cluster, program: &Path) -> Result<Self> {
        let address = at(cluster, 101);
        block_in_place(|| apply_url(cluster, &format!("https://{address}:{PORT}")))?;
        let place = Replica { name: "ours".into(), address, common_address: address, server: 0 };
        let start = || place.start(cluster, program);
        // Its first start makes certificates and ledgers.
        let (mut first, first_ready_after) = ready(start, place.answers_on()).await?;
        block_in_place(|| until_asked(cluster))?;
        block_in_place(|| first.kill())?;
        drop(first);
        let (webhook, ready_after) = ready(start, place.answers_on()).await?;
        let authority = secret(cluster, "ca.crt")?;
        let path = format!("/validate/{}?timeout=3s", secret(cluster, "path")?);
        let target = Target { at: place.listens_on(), authority, path };
        let (front, admin) = (target.at, vec![place.answers_on()]);
        Ok(Self { who: Who::Ours, webhook, target, front, admin, first_ready_after, ready_after })
    }

    /// Starts further replicas, and a balancer before all of them, as a Service is.
    pub async fn joined_by(&mut self, cluster: &Cluster, program: &Path, others: u8) -> Result<Others> {
        if others == 0 {
            // Nobody is before it, and its certificate knows no common address.
            return Ok(Others::default());
        }
        let common_address = common_address(cluster);
        let mut backends: Vec<_> = self.admin.iter().map(|admin| (self.target.at, *admin)).collect();
        let mut webhooks = Vec::new();
        for index in 0..others {
            let (name, address) = (format!("ours-{}", index + 2), at(cluster, 102 + index));
            let place = Replica { name, address, common_address, server: 0 };
            let (webhook, _) = ready(|| place.start(cluster, program), place.answers_on()).await?;
            backends.push((place.listens_on(), place.answers_on()));
            webhooks.push(webhook);
        }
        self.admin = backends.iter().map(|(_, admin)| *admin).collect();
        self.front = SocketAddrV4::new(common_address, PORT);
        let balancer = balancer::start(self.front, backends).await?;
        Ok(Others { webhooks, _balancer: balancer })
    }

    /// Starts Gatekeeper with its rule in force.
    pub async fn gatekeeper(cluster: &Cluster) -> Result<Self> {
        let (serves, health) =
            (SocketAddrV4::new(at(cluster, 110), PORT), SocketAddrV4::new(at(cluster, 110), PORT + 1));
        let identity = Identity::of(*serves.ip())?;
        block_in_place(|| gatekeeper::prepare(cluster))?;
        let start = |makes_types| gatekeeper::start(cluster, (serves, health), &identity, makes_types);
        let (mut first, first_ready_after) = ready(|| start(true), health).await?;
        block_in_place(|| gatekeeper::enforce(cluster))?;
        block_in_place(|| first.kill())?;
        drop(first);
        let (webhook, ready_after) = ready(|| start(false), health).await?;
        let target = Target { at: serves, authority: identity.certificate, path: gatekeeper::PATH.to_owned() };
        let (front, admin) = (serves, vec![health]);
        let subject = Self { who: Who::Gatekeeper, webhook, target, front, admin, first_ready_after, ready_after };
        subject.until_it_refuses().await?;
        Ok(subject)
    }

    /// Both must say yes to the measured pod and no to a wrong one, or the comparison means nothing.
    pub async fn check(&self) -> Result<()> {
        let good = allowed(&self.target.ask(&pod::review("data,logs")).await?)?;
        let bad = allowed(&self.target.ask(&pod::review("data,nowhere")).await?)?;
        ensure!(good && !bad, "{:?} judges wrongly: good {good}, bad {bad}", self.who);
        Ok(())
    }

    async fn until_it_refuses(&self) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        // It is ready before it has read its rules.
        while allowed(&self.target.ask(&pod::review("data,nowhere")).await?)? {
            ensure!(Instant::now() < deadline, "{:?} does not apply its rule", self.who);
            tokio::time::sleep(PAUSE * 20).await;
        }
        Ok(())
    }

    /// Puts it in the way of creates, and returns once the API server asks it.
    pub async fn in_the_way(&self, cluster: &Cluster, server: &Server) -> Result<()> {
        match self.who {
            Who::Ours => block_in_place(|| apply_url(cluster, &format!("https://{}", self.front)))?,
            Who::Gatekeeper => {
                let text = self.configuration().to_string();
                block_in_place(|| cluster.kubectl(&["apply", "-f", "-"], &text))?;
            }
        }
        until(server, true).await
    }

    /// Takes it out of the way.
    pub async fn out_of_the_way(&self, cluster: &Cluster, server: &Server) -> Result<()> {
        let names: &[&str] = match self.who {
            Who::Ours => {
                &["validatingwebhookconfiguration/backup-webhook", "mutatingwebhookconfiguration/backup-webhook"]
            }
            Who::Gatekeeper => &["validatingwebhookconfiguration/gatekeeper"],
        };
        block_in_place(|| cluster.kubectl(&[&["delete", "--ignore-not-found"], names].concat(), ""))?;
        until(server, false).await
    }

    /// Gatekeeper's own configuration, for pods only: the same objects go to both.
    fn configuration(&self) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": CONFIGURATION},
            "webhooks": [{
                "name": "validation.gatekeeper.sh",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {
                    "url": format!("https://{}{}", self.target.at, gatekeeper::PATH.split('?').next().unwrap_or_default()),
                    "caBundle": k8s_openapi::ByteString(self.target.authority.clone().into_bytes()),
                },
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "failurePolicy": "Fail", "sideEffects": "None", "timeoutSeconds": 3,
            }],
        })
    }
}

/// Starts a program, and tells how long it took until it said that it is ready.
async fn ready(start: impl Fn() -> Result<Webhook>, health: SocketAddrV4) -> Result<(Webhook, Duration)> {
    let started = Instant::now();
    let mut webhook = block_in_place(start)?;
    // The program that makes the kubeconfig's token is no part of the start.
    let started = webhook.started().max(started);
    while !matches!(balancer::probe(health).await, Ok(true)) {
        ensure!(started.elapsed() < LIMIT, "not ready after {LIMIT:?}: see {}", webhook.log().display());
        webhook.still_runs()?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok((webhook, started.elapsed()))
}

async fn until(server: &Server, asked: bool) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    while wrong_pod_is_refused(server).await? != Some(asked) {
        ensure!(Instant::now() < deadline, "the API server has not heard of a configuration");
        tokio::time::sleep(PAUSE * 10).await;
    }
    Ok(())
}

fn allowed(answer: &Bytes) -> Result<bool> {
    let answer: Value = serde_json::from_slice(answer)?;
    answer["response"]["allowed"].as_bool().context("an answer without a verdict")
}

/// What ours has made for itself: its authority, the path by which it is called.
fn secret(cluster: &Cluster, field: &str) -> Result<String> {
    let args = ["get", "secret", "backup-webhook-tls", "-n", "kubectl-backup-system", "-o", "json"];
    let secret: k8s_openapi::api::core::v1::Secret =
        serde_json::from_str(&block_in_place(|| cluster.kubectl(&args, ""))?)?;
    let value = secret.data.and_then(|mut data| data.remove(field)).context("there is no authority yet")?;
    Ok(String::from_utf8(value.0)?)
}
