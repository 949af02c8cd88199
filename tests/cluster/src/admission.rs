//! How the API servers show webhooks who they are.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::layout::{Layout, write_private};

/// The name in the certificate that API servers show to every webhook.
pub const CALLER: &str = "kube-apiserver-kubelet-client";

/// The API servers' configuration of admission.
pub(crate) fn configuration(layout: &Layout) -> PathBuf {
    layout.folder("pki").join("admission.json")
}

/// Writes it: a certificate for calls to webhooks. Webhooks that do not ask for one see no difference.
pub(crate) fn write(layout: &Layout) -> Result<()> {
    let pki = layout.folder("pki");
    let users = pki.join("webhook-users.json");
    let certificate = json!({
        "client-certificate": pki.join("kubelet-client.crt"),
        "client-key": pki.join("kubelet-client.key"),
    });
    let of_all = json!({"apiVersion": "v1", "kind": "Config", "users": [{"name": "*", "user": certificate}]});
    write_private(&users, &of_all.to_string())?;
    let plugins = ["ValidatingAdmissionWebhook", "MutatingAdmissionWebhook"].map(|name| {
        let configuration = json!({
            "apiVersion": "apiserver.config.k8s.io/v1", "kind": "WebhookAdmissionConfiguration", "kubeConfigFile": users,
        });
        json!({"name": name, "configuration": configuration})
    });
    let configured =
        json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins});
    write_private(&configuration(layout), &configured.to_string())
}
