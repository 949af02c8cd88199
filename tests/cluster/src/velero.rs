//! Velero.

use anyhow::Result;
use serde_json::{Value, json};

use crate::address::{Addresses, port};
use crate::layout::{Layout, Request};
use crate::processes::Program;
use crate::s3;

/// Velero's namespace.
pub(crate) const NAMESPACE: &str = "velero";

/// Velero's server as a plain process, under its service account's name.
pub(crate) fn server(layout: &Layout, request: &Request, addresses: Addresses) -> Result<Program> {
    let plugins = &request.component("velero-plugin-for-aws")?.1;
    Ok(Program::new("velero", request.program("velero", "velero")?)
        .env("KUBECONFIG", layout.kubeconfig_of("velero").display().to_string())
        .env("VELERO_NAMESPACE", NAMESPACE)
        .env("VELERO_SCRATCH_DIR", layout.folder("tmp").display().to_string())
        .env("NODE_NAME", "none")
        .env("AWS_SHARED_CREDENTIALS_FILE", s3::credentials_file(layout).display().to_string())
        .args([
            "server".into(),
            format!("--plugin-dir={}", plugins.display()),
            "--features=EnableCSI".into(),
            "--uploader-type=kopia".into(),
            format!("--metrics-address={}", addresses.at(port::VELERO_METRICS)),
            format!("--profiler-address={}", addresses.at(port::VELERO_PROFILER)),
        ])
        .args(QUICK))
}

/// Settings that make tests wait less; they change when Velero looks, not what it does.
pub(crate) const QUICK: [&str; 3] =
    ["--item-operation-sync-frequency=2s", "--backup-sync-period=10s", "--store-validation-frequency=10s"];

/// The namespace and the account that Velero's server runs as.
pub(crate) fn account() -> Vec<Value> {
    vec![
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": NAMESPACE, "labels": { "component": "velero" } },
        }),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": "velero", "namespace": NAMESPACE, "labels": { "component": "velero" } },
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "velero", "labels": { "component": "velero" } },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": "velero", "namespace": NAMESPACE }],
        }),
    ]
}

/// The storage location; its CRD must be there.
pub(crate) fn location(addresses: Addresses) -> Value {
    json!({
        "apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
        "metadata": { "name": "default", "namespace": NAMESPACE, "labels": { "component": "velero" } },
        "spec": {
            "provider": "aws",
            "default": true,
            "objectStorage": { "bucket": s3::BUCKET },
            "config": { "region": s3::REGION, "s3ForcePathStyle": "true", "s3Url": s3::url(addresses) },
        },
    })
}

/// The path at which the API server shows the location.
pub(crate) const LOCATION_PATH: &str = "/apis/velero.io/v1/namespaces/velero/backupstoragelocations/default";
