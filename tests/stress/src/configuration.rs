//! Tells the API servers of the run's own webhooks, and waits until each asks them.

use std::time::Duration;

use anyhow::{Result, bail};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::history::Outcome;
use crate::load::{
    api::{APPLY, Call, GROUP, JSON, PLURAL, Server, collection, manifest},
    outcome,
    plan::namespace,
};

const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// A webhook that API servers are to ask about each create.
pub struct Hook<'a> {
    /// The webhook's name, which is also its configuration's.
    pub name: &'static str,
    /// Where.
    pub url: String,
    /// By what it is known.
    pub certificate: &'a str,
    /// The object that it always refuses.
    pub probe: &'static str,
}

impl Hook<'_> {
    /// Configures it, and returns once each API server has asked it.
    pub async fn install(&self, servers: &[Server]) -> Result<()> {
        let Some(first) = servers.first() else { return Ok(()) };
        let path = format!("{}?fieldManager=stress&force=true", self.path());
        let call =
            Call { user: "", method: Method::PATCH, path: &path, content: APPLY, body: self.manifest().to_string() };
        let (status, body) = first.send(call).await?;
        if !status.is_success() {
            bail!("configuring {}: {}", self.name, String::from_utf8_lossy(&body));
        }
        for server in servers {
            self.until_asked(server).await?;
        }
        Ok(())
    }

    /// Takes the configuration away, if there is one.
    pub async fn remove(&self, servers: &[Server]) -> Result<()> {
        let Some(first) = servers.first() else { return Ok(()) };
        let call = Call { user: "", method: Method::DELETE, path: &self.path(), content: JSON, body: String::new() };
        let (status, body) = first.send(call).await?;
        if !status.is_success() && status != StatusCode::NOT_FOUND {
            bail!("taking the configuration of {} away: {}", self.name, String::from_utf8_lossy(&body));
        }
        Ok(())
    }

    fn path(&self) -> String {
        format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{}", self.name)
    }

    fn manifest(&self) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": self.name},
            "webhooks": [{
                "name": self.name,
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"url": self.url, "caBundle": base64(self.certificate.as_bytes())},
                "rules": [{
                    "apiGroups": [GROUP], "apiVersions": ["v1"], "resources": [PLURAL], "operations": ["CREATE"],
                }],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "timeoutSeconds": 5,
            }],
        })
    }

    async fn until_asked(&self, server: &Server) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        let path = format!("{}?dryRun=All", collection(&namespace(0)));
        loop {
            let body = manifest(json!({"name": self.probe}), 0, false).to_string();
            let call = Call { user: "", method: Method::POST, path: &path, content: JSON, body };
            let (status, answer) = server.send(call).await?;
            let text = String::from_utf8_lossy(&answer);
            if outcome::read(status, &answer) != Outcome::Created
                && text.contains(self.probe)
                && text.contains(self.name)
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("an API server does not ask {} after {LIMIT:?}: {status} {text}", self.name);
            }
            // Nothing tells when an API server has heard of a configuration.
            sleep(PAUSE).await;
        }
    }
}

/// A configuration has its certificate in base 64, with padding.
fn base64(bytes: &[u8]) -> String {
    serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec()))
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
