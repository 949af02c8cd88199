//! Velero.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::address::{Addresses, port};
use crate::images;
use crate::layout::{Layout, Request};
use crate::processes::Program;
use crate::s3;
use crate::storage::KUBELET_ROOT;

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
        .env("CSI_SNAPSHOT_EARLY_FREQUENT_POLLING", "true")
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

/// What prints Velero's CRDs.
pub(crate) fn definitions(request: &Request) -> Result<Program> {
    Ok(Program::new("velero-install", request.program("velero", "velero")?).args([
        "install",
        "--crds-only",
        "--dry-run",
        "--output=json",
    ]))
}

/// Velero as its own installer puts it into a cluster with a node: namespace, account, location, Deployment, DaemonSet.
pub(crate) fn installer(layout: &Layout, request: &Request, addresses: Addresses) -> Result<Program> {
    let location = format!("region={},s3ForcePathStyle=true,s3Url={}", s3::REGION, s3::url(addresses));
    let free =
        |of: &str| ["cpu-request", "mem-request", "cpu-limit", "mem-limit"].map(|what| format!("--{of}-pod-{what}=0"));
    Ok(Program::new("velero-install", request.program("velero", "velero")?)
        // It asks the cluster for its version.
        .env("KUBECONFIG", layout.kubeconfig().display().to_string())
        .args(["install", "--dry-run", "--output=json", "--use-node-agent", "--use-volume-snapshots=false"])
        .args([
            format!("--namespace={NAMESPACE}"),
            format!("--image={}", images::velero(request)?),
            "--provider=aws".into(),
            format!("--plugins={}", images::velero_plugin(request)?),
            format!("--bucket={}", s3::BUCKET),
            format!("--backup-location-config={location}"),
            format!("--secret-file={}", s3::credentials_file(layout).display()),
            format!("--kubelet-root-dir={KUBELET_ROOT}"),
            "--features=EnableCSI".into(),
            "--csi-snapshot-early-frequent-polling".into(),
        ])
        // The node has two processors for everything.
        .args(free("velero"))
        .args(free("node-agent")))
}

/// Adds the quick settings to the installer's Deployment.
pub(crate) fn quicken(installed: &str) -> Result<Value> {
    let mut list: Value = serde_json::from_str(installed).context("reading what velero install prints")?;
    let deployment = list["items"]
        .as_array_mut()
        .and_then(|items| items.iter_mut().find(|item| item["kind"] == "Deployment"))
        .context("velero install prints no Deployment")?;
    let args = deployment
        .pointer_mut("/spec/template/spec/containers/0/args")
        .and_then(Value::as_array_mut)
        .context("Velero's Deployment has no arguments")?;
    args.extend(QUICK.map(Value::from));
    Ok(list)
}

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
        // A restore with pods looks up the image of the server's own Deployment and fails without one. The server runs
        // as a process here, so the Deployment has no pods.
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "velero", "namespace": NAMESPACE, "labels": { "component": "velero" } },
            "spec": {
                "replicas": 0,
                "selector": { "matchLabels": { "deploy": "velero" } },
                "template": {
                    "metadata": { "labels": { "component": "velero", "deploy": "velero" } },
                    "spec": {
                        "serviceAccountName": "velero",
                        "containers": [{
                            "name": "velero", "image": "velero/velero",
                            "command": ["/velero"], "args": ["server", "--features=EnableCSI", "--uploader-type=kopia"],
                        }],
                    },
                },
            },
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

/// The paths of what runs Velero on a node, with the field that counts its ready pods.
pub(crate) const WORKLOADS: [(&str, &str); 2] = [
    ("/apis/apps/v1/namespaces/velero/deployments/velero", "/status/availableReplicas"),
    ("/apis/apps/v1/namespaces/velero/daemonsets/node-agent", "/status/numberReady"),
];

/// The path at which the API server shows the location.
pub(crate) const LOCATION_PATH: &str = "/apis/velero.io/v1/namespaces/velero/backupstoragelocations/default";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_deployment_gets_the_quick_settings() {
        let container = json!({ "spec": { "template": { "spec": { "containers": [{ "args": ["server"] }] } } } });
        let mut deployment = container.clone();
        deployment["kind"] = "Deployment".into();
        let list = json!({ "items": [container, deployment] }).to_string();
        let quick = quicken(&list).unwrap();
        assert_eq!(quick["items"][0], container);
        assert_eq!(quick.pointer("/items/1/spec/template/spec/containers/0/args/1").unwrap(), QUICK[0]);
        assert!(quicken("{}").is_err());
    }
}
