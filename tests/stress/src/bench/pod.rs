//! The pod of the measurements: of usual size, with an annotation that both webhooks look at and find right.

use bytes::Bytes;
use serde_json::{Value, json};

/// The annotation that both webhooks judge.
pub const ANNOTATION: &str = "backup.velero.io/backup-volumes";

/// A pod with two containers and four volumes.
pub fn manifest(name: &str, volumes: &str) -> Value {
    let container = |name: &str| {
        json!({
            "name": name, "image": "registry.example.org/shop/web:1.27.4",
            "env": (0..12).map(|n| json!({"name": format!("SETTING_{n}"), "value": "a value of some length"})).collect::<Vec<_>>(),
            "ports": [{"containerPort": 8080, "name": name, "protocol": "TCP"}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "logs", "mountPath": "/logs"}],
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "bench",
            "labels": {"app.kubernetes.io/name": "web", "app.kubernetes.io/instance": "shop", "team": "shop"},
            "annotations": {ANNOTATION: volumes},
        },
        "spec": {
            "containers": [container("web"), container("proxy")],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "logs", "persistentVolumeClaim": {"claimName": "logs"}},
                {"name": "config", "configMap": {"name": "web"}},
                {"name": "secret", "secret": {"secretName": "web"}},
            ],
        },
    })
}

/// What an API server asks about the creation of such a pod.
pub fn review(volumes: &str) -> Bytes {
    let mut object = manifest("web-0", volumes);
    object["metadata"]["uid"] = json!("8e4dd0a4-9d2b-4c07-bd3f-d8c4fb9b4fd1");
    object["metadata"]["creationTimestamp"] = json!("2026-01-31T12:00:00Z");
    let text = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "0a1b5f0e-7a10-4f5e-8f0b-6f3bb1c3a6d7",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web-0", "namespace": "bench", "operation": "CREATE",
            "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
            "object": object, "oldObject": null, "dryRun": false,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        },
    });
    text.to_string().into()
}
