//! The floor: what a bare write of an object like the ledger takes on the same API server, under the same load.
//!
//! A claim cannot be answered before one such write is stored, and as a rule waits for the one that is under way as well.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};

use crate::load::api::{Call, JSON, Server};

const LEDGERS: &str = "/apis/kubectl-backup.dev/v1alpha1/quotaledgers";
/// Named like the ledger of a resource that nothing counts.
const NAME: &str = "nothing.bench.kubectl-backup.dev";
/// Nobody else may write a ledger.
const WRITER: &str = "system:serviceaccount:kubectl-backup-system:backup-webhook";
/// As many slots as a run has creators, at most.
const SLOTS: usize = 30;

/// An object like the ledger, written by nobody else.
pub struct Floor<'a> {
    server: &'a Server,
    stored: Value,
}

impl<'a> Floor<'a> {
    /// Makes it.
    pub async fn new(server: &'a Server) -> Result<Self> {
        let body = json!({
            "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "QuotaLedger", "metadata": {"name": NAME},
            "spec": {"resource": NAME},
        });
        let mut stored = send(server, Method::POST, LEDGERS, body).await?;
        let slot = |n: usize| {
            let uid = format!("00000000-0000-4000-8000-{n:012}");
            let pend = json!({uid: {"since": "2026-01-31T12:00:00.000000Z", "by": format!("creator-{n}")}});
            (format!("crowd-{n}/saturated-{n}-abcde"), json!({"pend": pend}))
        };
        let slots: serde_json::Map<_, _> = (0..SLOTS).map(slot).collect();
        stored["status"] = json!({"phase": "Ready", "epoch": 1, "slots": slots, "used": SLOTS, "pending": SLOTS});
        Ok(Self { server, stored })
    }

    /// Writes it, one write after the other, until it is dropped; notes how long each took.
    pub async fn write(&mut self, times: &mut Vec<Duration>) -> Result<()> {
        let path = format!("{LEDGERS}/{NAME}/status");
        loop {
            let epoch = self.stored["status"]["epoch"].as_u64().unwrap_or(0);
            self.stored["status"]["epoch"] = json!(epoch + 1);
            let started = Instant::now();
            self.stored = send(self.server, Method::PUT, &path, self.stored.clone()).await?;
            times.push(started.elapsed());
        }
    }

    /// Takes it away.
    pub async fn remove(self) -> Result<()> {
        send(self.server, Method::DELETE, &format!("{LEDGERS}/{NAME}"), Value::Null).await.map(drop)
    }
}

async fn send(server: &Server, method: Method, path: &str, body: Value) -> Result<Value> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let call = Call { user: WRITER, method, path, content: JSON, body };
    let (status, answer) = server.send(call).await?;
    ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&answer));
    serde_json::from_slice(&answer).context("an answer that is no JSON")
}
