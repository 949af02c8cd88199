//! The resource policy of backups without volume data. Velero's own switches do not reach volumes that a pod's annotation
//! names; a policy does. One for all such backups, and immutable, so that its name says what it does.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ObjectMeta;

use crate::error::{CliError, Result};

/// The ConfigMap's name.
pub const NAME: &str = "kubectl-backup-no-volume-data";
/// Velero takes a ConfigMap with exactly one key, whatever its name.
const KEY: &str = "policy.yaml";
/// Empty conditions match every volume.
const POLICY: &str = "version: v1\nvolumePolicies:\n- conditions: {}\n  action:\n    type: skip\n";

/// Returns the ConfigMap.
pub fn config_map(namespace: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(NAME.into()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(KEY.to_owned(), POLICY.to_owned())])),
        immutable: Some(true),
        ..ConfigMap::default()
    }
}

/// Checks that a ConfigMap of that name is ours.
///
/// # Errors
/// When it says something else.
pub fn check(found: &ConfigMap, namespace: &str) -> Result<()> {
    if found.data == config_map(namespace).data {
        return Ok(());
    }
    Err(CliError::new(format!(
        "the configmap {NAME:?} in namespace {namespace:?} is not what --volumes none needs: somebody changed it"
    ))
    .hint(format!("Delete it, it is made anew: kubectl -n {namespace} delete configmap {NAME}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_policy_is_used() {
        assert!(check(&config_map("velero"), "velero").is_ok());
        let mut other = config_map("velero");
        other.data = Some(BTreeMap::new());
        assert!(check(&other, "velero").unwrap_err().message.contains("somebody changed it"));
    }
}
