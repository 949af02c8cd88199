//! The answers over HTTP, by concern.

mod bounds;
mod callers;
mod locks;
mod logs;
mod malformed;
mod quota;
mod verdicts;

use axum::http::Request as HttpRequest;
use backup_policy::{
    Config,
    config::{Accounts, Quota},
};
use futures::StreamExt;
use kube::Client;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::{
    clock::Clock,
    events::Events,
    facts::Cluster,
    ledger::{Configuration, Probes, Quotas, TTL, Times},
    metrics::Metrics,
    paths::PathSecret,
    policy::Current,
};

/// The real server, with a cluster behind it that nobody answers for: what pods need no cluster for works all the same.
fn server() -> (Router, Arc<Health>) {
    server_at(Arc::new(Paths::Plain))
}

fn server_at(paths: Arc<Paths>) -> (Router, Arc<Health>) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut nowhere = kube::Config::new("http://127.0.0.1:1".parse().expect("an address"));
    nowhere.default_retry = false;
    let client = Client::try_from(nowhere.clone()).expect("a client");
    let health = Arc::new(Health::default());
    let metrics = Arc::new(Metrics::new());
    let probes = Probes::new(
        nowhere,
        client.clone(),
        "kubectl-backup-system",
        Configuration::new(client.clone(), "backup-webhook"),
    );
    let quotas =
        Quotas::new(client.clone(), probes, Times::new(TTL, Clock::default()), metrics.ledgers(), Arc::clone(&health));
    quotas.set(&Config::default().quotas);
    let admission = Admission {
        config: Current::new(Config {
            backup_ttl: Some("720h0m0s".to_owned()),
            exemptions: accounts("keeper"),
            quotas: quotas_but_for("ci"),
            ..Config::default()
        }),
        cluster: Cluster::new(client.clone()),
        events: Arc::new(Events::new(client)),
        clock: Clock::default(),
        quotas: Arc::new(quotas),
        metrics,
    };
    (router(admission, Arc::clone(&health), paths), health)
}

fn accounts(user: &str) -> Accounts {
    Accounts { users: [user.to_owned()].into(), ..Accounts::default() }
}

/// The built-in quotas, which do not bind this user.
fn quotas_but_for(user: &str) -> Vec<Quota> {
    let quotas = Config::default().quotas.into_iter();
    quotas.map(|quota| Quota { exempt: accounts(user), ..quota }).collect()
}

async fn post(path: &str, content_type: &str, body: impl Into<Body>) -> (StatusCode, HeaderMap, Value) {
    let request = HttpRequest::post(path).header(CONTENT_TYPE, content_type).body(body.into()).expect("a request");
    let response = server().0.oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn reviewed(path: &str, review: &Value) -> Value {
    let (status, _, answer) = post(path, "application/json", review.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["kind"], "AdmissionReview");
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
    answer["response"].clone()
}

fn review(resource: (&str, &str, &str), operation: &str, user: &str, object: &Value, old: &Value) -> Value {
    let (group, plural, kind) = resource;
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": group, "version": "v1", "kind": kind},
            "resource": {"group": group, "version": "v1", "resource": plural},
            "name": "x", "namespace": "shop", "operation": operation,
            "userInfo": {"username": user, "groups": ["system:authenticated"]},
            "object": object, "oldObject": old, "dryRun": false, "options": null,
        },
    })
}

const PODS: (&str, &str, &str) = ("", "pods", "Pod");
const SNAPSHOTS: (&str, &str, &str) = ("snapshot.storage.k8s.io", "volumesnapshots", "VolumeSnapshot");
const VELERO: &str = "system:serviceaccount:velero:velero";

fn pod(volumes: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "x", "annotations": {"backup.velero.io/backup-volumes": volumes}},
        "spec": {"containers": [], "volumes": [{"name": "data", "nfs": {}}, {"name": "logs", "nfs": {}}]},
    })
}

fn snapshot(labels: &Value) -> Value {
    json!({
        "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": "x", "namespace": "shop", "uid": "u", "labels": labels},
        "spec": {"volumeSnapshotClassName": "c", "source": {"persistentVolumeClaimName": "data"}},
    })
}

fn question(body: Body) -> HttpRequest<Body> {
    HttpRequest::post("/validate?timeout=30s").header(CONTENT_TYPE, "application/json").body(body).expect("a request")
}
