//! The little that the supervisor itself asks of an API server: readiness, conditions, tokens.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Answers are small objects and lists of a test cluster.
const ANSWER_LIMIT: u64 = 32 << 20;

/// A server that is starting may take a connection and say nothing; asking again is better than waiting.
const REQUEST_LIMIT: Duration = Duration::from_secs(3);

/// A connection to one API server as one user.
#[derive(Clone)]
pub(crate) struct Api {
    agent: ureq::Agent,
    base: String,
    token: String,
}

impl Api {
    pub(crate) fn new(base: String, ca: &Path, token: String) -> Result<Self> {
        let pem = fs::read(ca).with_context(|| format!("reading {}", ca.display()))?;
        let roots = RootCerts::new_with_certs(&[Certificate::from_pem(&pem).context("reading the authority")?]);
        let agent = ureq::Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .timeout_global(Some(REQUEST_LIMIT))
            .http_status_as_error(false)
            // The cluster is on this machine, whatever proxy the environment names.
            .proxy(None)
            .build()
            .into();
        Ok(Self { agent, base, token })
    }

    /// The body of a successful GET.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("Authorization", self.bearer());
        let mut answer = request.call().with_context(|| format!("GET {path}"))?;
        let body = answer.body_mut().with_config().limit(ANSWER_LIMIT).read_to_string()?;
        if !answer.status().is_success() {
            bail!("GET {path}: {} {}", answer.status(), brief(&body));
        }
        Ok(body)
    }

    /// The object or list at a path.
    pub(crate) fn object(&self, path: &str) -> Result<Value> {
        serde_json::from_str(&self.get(path)?).with_context(|| format!("reading the answer to GET {path}"))
    }

    /// A token of a service account.
    pub(crate) fn service_account_token(&self, namespace: &str, name: &str) -> Result<String> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": { "expirationSeconds": 365 * 24 * 3600 },
        });
        let mut answer = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("Authorization", self.bearer())
            .header("Content-Type", "application/json")
            .send(request.to_string())
            .with_context(|| format!("POST {path}"))?;
        let body = answer.body_mut().with_config().limit(ANSWER_LIMIT).read_to_string()?;
        let value: Value = serde_json::from_str(&body).unwrap_or_default();
        match value.pointer("/status/token").and_then(Value::as_str) {
            Some(token) => Ok(token.to_owned()),
            None => bail!("POST {path}: {} {}", answer.status(), brief(&body)),
        }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

/// Enough of an answer for an error message.
fn brief(body: &str) -> String {
    let message = serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|status| status.get("message").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_else(|| body.replace('\n', " "));
    message.chars().take(300).collect()
}

/// Whether a condition of an object is true.
pub(crate) fn condition(object: &Value, kind: &str) -> bool {
    object
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|one| one["type"] == kind && one["status"] == "True"))
}

/// Whether a plain HTTP endpoint answers with success.
pub(crate) fn answers(url: &str) -> Result<(), String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(REQUEST_LIMIT)).proxy(None).build().into();
    agent.get(url).call().map(|_| ()).map_err(|error| format!("{url}: {error}"))
}
