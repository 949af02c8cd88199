//! Gatekeeper with a comparable rule: every name in the annotation is a volume of the pod.

use std::net::SocketAddrV4;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use test_cluster::{Cluster, program, webhook::Webhook};

use super::pod::ANNOTATION;
use crate::review::Identity;

/// The namespace that it insists on.
const NAMESPACE: &str = "gatekeeper-system";
/// The pod that it believes to be.
const POD: &str = "gatekeeper-bench";
/// The path on which it answers reviews.
pub const PATH: &str = "/v1/admit?timeout=3s";

/// The rule, as one would write it for Gatekeeper.
const RULE: &str = r#"
package backupvolumes

violation[{"msg": msg}] {
  list := input.review.object.metadata.annotations["ANNOTATION"]
  name := split(list, ",")[_]
  names := {volume.name | volume := input.review.object.spec.volumes[_]}
  not names[name]
  msg := sprintf("%q is no volume of the pod", [name])
}
"#;

/// Makes its types, and the rule. Gatekeeper itself makes the rule's type, once it runs.
pub fn prepare(cluster: &Cluster) -> Result<()> {
    let folder = folder()?.join("crd");
    cluster.kubectl(&["apply", "--server-side", "-f", &folder.display().to_string()], "")?;
    cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"], "")?;
    cluster.kubectl(&["create", "namespace", NAMESPACE], "")?;
    // What it writes about its rules belongs to its own pod, and without that it does not get ready.
    cluster.kubectl(&["wait", "--for=create", "serviceaccount/default", "-n", NAMESPACE, "--timeout=60s"], "")?;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD, "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "manager", "image": "none"}]},
    });
    cluster.kubectl(&["create", "-f", "-"], &pod.to_string())?;
    cluster.kubectl(&["apply", "-f", "-"], &template().to_string()).map(drop)
}

/// Starts it with all that its own manifests say for the webhook, as the administrator. To make the rule's type is the work of
/// another of its pods, for which it is started once.
pub fn start(
    cluster: &Cluster,
    (serves, health): (SocketAddrV4, SocketAddrV4),
    identity: &Identity,
    makes_types: bool,
) -> Result<Webhook> {
    let certificates = cluster.state_dir().join("gatekeeper");
    std::fs::create_dir_all(&certificates)?;
    std::fs::write(certificates.join("tls.crt"), &identity.certificate)?;
    std::fs::write(certificates.join("ca.crt"), &identity.certificate)?;
    std::fs::write(certificates.join("tls.key"), &identity.key)?;
    let mut command = Command::new(program("gatekeeper", "gatekeeper", &mut |step| eprintln!("{step}"))?);
    command
        .args([format!("--host={}", serves.ip()), format!("--port={}", serves.port())])
        .arg(format!("--health-addr={health}"))
        // Its own server of metrics would listen on all addresses of the machine; this way it listens nowhere, and nobody
        // listens to what it sends.
        .args(["--metrics-backend=opentelemetry".to_owned(), format!("--otlp-endpoint={}:4318", serves.ip())])
        .arg(format!("--cert-dir={}", certificates.display()))
        .args(["--disable-cert-rotation", "--operation=webhook", "--logtostderr"])
        .args([&format!("--exempt-namespace={NAMESPACE}"), "--disable-opa-builtin={http.send}"])
        .args(makes_types.then_some("--operation=generate"))
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("POD_NAMESPACE", NAMESPACE)
        .env("POD_NAME", POD);
    Webhook::start(cluster, "gatekeeper", command, health)
}

/// Puts the rule in force for pods, once its type exists.
pub fn enforce(cluster: &Cluster) -> Result<()> {
    let crd = "crd/backupvolumes.constraints.gatekeeper.sh";
    cluster.kubectl(&["wait", "--for=create", crd, "--timeout=60s"], "")?;
    cluster.kubectl(&["wait", "--for=condition=Established", crd, "--timeout=60s"], "")?;
    let constraint = json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "BackupVolumes", "metadata": {"name": "volumes"},
        "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}},
    });
    cluster.kubectl(&["apply", "-f", "-"], &constraint.to_string()).map(drop)
}

fn template() -> Value {
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate", "metadata": {"name": "backupvolumes"},
        "spec": {
            "crd": {"spec": {"names": {"kind": "BackupVolumes"}}},
            "targets": [{
                "target": "admission.k8s.gatekeeper.sh", "rego": RULE.replace("ANNOTATION", ANNOTATION),
            }],
        },
    })
}

fn folder() -> Result<std::path::PathBuf> {
    let program = program("gatekeeper", "gatekeeper", &mut |step| eprintln!("{step}"))?;
    let folder = program.parent().map(Path::to_owned).context("the program is in no folder")?;
    ensure!(folder.join("crd").is_dir(), "{} has no definitions", folder.display());
    Ok(folder)
}
