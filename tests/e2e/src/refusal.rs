//! A server that refuses snapshots of one claim, and takes the others.

use std::time::Duration;

use serde_json::json;

use crate::{Namespace, until};

/// A policy of the API server's own, in one namespace; it goes with the value.
pub struct Refusal<'a> {
    shop: &'a Namespace<'a>,
}

impl<'a> Refusal<'a> {
    /// Refuses snapshots of the claim, and returns once the server does.
    #[track_caller]
    pub fn of_claim(shop: &'a Namespace<'a>, claim: &str) -> Self {
        let name = shop.name();
        let version = "admissionregistration.k8s.io/v1";
        let refused = format!("object.spec.source.?persistentVolumeClaimName.orValue('') != '{claim}'");
        let policy = json!({"apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": ["snapshot.storage.k8s.io"], "apiVersions": ["v1"],
                "operations": ["CREATE"], "resources": ["volumesnapshots"]}]},
            "validations": [{"expression": refused, "message": "refused by the test"}]}});
        let binding = json!({"apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}}});
        let refusal = Self { shop };
        for object in [policy, binding] {
            shop.cluster().create(&object.to_string());
        }
        let trial = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
            "metadata": {"name": "trial", "namespace": name}, "spec": {"source": {"persistentVolumeClaimName": claim}}});
        let dry = ["create", "--dry-run=server", "-f", "-"];
        until("the policy is in force", Duration::from_secs(30), || {
            shop.cluster().try_kubectl_with(&dry, &trial.to_string()).stderr.contains("refused by the test")
        });
        refusal
    }
}

impl Drop for Refusal<'_> {
    fn drop(&mut self) {
        for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
            self.shop.cluster().try_kubectl(&["delete", kind, self.shop.name()]);
        }
    }
}
