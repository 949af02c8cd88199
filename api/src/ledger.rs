//! `QuotaLedger`: who holds the slots of one quota. Only the webhook writes it.

use backup_ledger::LedgerStatus;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The ledger of one quota: cluster-scoped, one for each counted resource and named like it.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[kube(
    group = "kubectl-backup.dev",
    version = "v1alpha1",
    kind = "QuotaLedger",
    doc = "The slots of one quota and who holds them. Written by the webhook alone: its compare-and-swap is what makes the \
           quota exact. Deleting it is safe and costs a minute in which nothing new is created.",
    status = "QuotaLedgerStatus",
    printcolumn = r#"{"name":"Resource","type":"string","jsonPath":".spec.resource"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Used","type":"integer","jsonPath":".status.used"}"#,
    printcolumn = r#"{"name":"Pending","type":"integer","jsonPath":".status.pending"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self == oldSelf", "a ledger counts one resource for ever"))]
pub struct QuotaLedgerSpec {
    /// What is counted, as `plural.group`.
    #[schemars(length(min = 1, max = 253))]
    pub resource: String,
}

/// The ledger as it is stored, with its sums for people.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaLedgerStatus {
    /// The protocol's state; all that decides.
    #[serde(flatten)]
    pub ledger: LedgerStatus,
    /// How many slots are taken; nothing here decides anything.
    #[serde(default)]
    pub used: u32,
    /// How many of them are held by creates whose outcome is not known.
    #[serde(default)]
    pub pending: u32,
    /// At which address the replica answers that others hand their claims to; nothing here decides anything.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub writer: String,
}

impl QuotaLedgerStatus {
    /// A status with its sums.
    #[must_use]
    pub fn new(ledger: LedgerStatus) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (used, pending) = (count(ledger.slots.len()), count(ledger.pending_only().count()));
        Self { ledger, used, pending, writer: String::new() }
    }
}

/// The name of the ledger of a resource, given as `plural.group`: the same, which is a legal name.
#[must_use]
pub fn ledger_name(resource: &str) -> &str {
    resource
}

#[cfg(test)]
mod tests {
    use backup_ledger::{Key, Phase, Uid};
    use kube::CustomResourceExt as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_stored_form_is_the_protocols_with_two_sums() {
        let mut ledger = LedgerStatus { phase: Phase::Ready, epoch: 3, ..LedgerStatus::default() };
        ledger.slots.entry(Key::new("shop", "a")).or_default().live = Some(Uid::new("u1"));
        ledger.slots.entry(Key::new("shop", "b")).or_default().pend.insert(Uid::new("u2"), <_>::default());
        let stored = json!({
            "phase": "Ready", "epoch": 3, "used": 2, "pending": 1,
            "slots": {"shop/a": {"live": "u1"}, "shop/b": {"pend": {"u2": {}}}},
        });
        let status = QuotaLedgerStatus::new(ledger);
        assert_eq!(serde_json::to_value(&status).unwrap(), stored);
        assert_eq!(serde_json::from_value::<QuotaLedgerStatus>(stored).unwrap(), status);
    }

    #[test]
    fn the_definition_keeps_every_stored_field() {
        let crd = serde_json::to_value(QuotaLedger::crd()).unwrap();
        assert_eq!(crd["spec"]["scope"], "Cluster");
        let version = &crd["spec"]["versions"][0];
        assert_eq!(version["subresources"], json!({"status": {}}));
        let status = &version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
        let slot = &status["slots"]["additionalProperties"]["properties"];
        assert_eq!(slot["live"]["type"], "string");
        assert_eq!(slot["pend"]["additionalProperties"]["properties"]["since"]["type"], "string");
        for field in ["phase", "epoch", "used", "pending", "writer"] {
            assert!(status[field].is_object(), "{field} would be pruned: {status}");
        }
    }
}
