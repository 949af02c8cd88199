//! What the webhook says of the policy.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The condition that tells whether the policy is in force.
pub const READY: &str = "Ready";
/// The condition that tells whether every quota is kept.
pub const QUOTAS_KEPT: &str = "QuotasKept";

/// What the webhook makes of the policy. One of its replicas writes it.
#[derive(KubeSchema, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackupPolicyStatus {
    /// The generation that this speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: whether the policy as it stands is in force. `QuotasKept`: whether API servers ask the webhook about every
    /// resource that has a quota, and its objects are counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// How full the quotas are, as of some seconds ago; `kubectl backup quota` asks anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["resource".into()]))]
    pub quotas: Vec<QuotaCount>,
    /// The same in one line, for `kubectl get`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub slots: Option<String>,
    /// The last policy that could be used; it stays in force while a newer one cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGood>,
}

/// How full a quota is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaCount {
    /// The counted resource as `plural.group`.
    #[schemars(length(max = 253))]
    pub resource: String,
    /// How many may exist.
    #[schemars(extend("format" = "int32"))]
    pub limit: u32,
    /// How many slots are taken, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "int32"))]
    pub used: Option<u32>,
    /// How many of them are taken by creates whose outcome is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "int32"))]
    pub pending: Option<u32>,
    /// How many objects there are beyond the limit: made before it was lowered, by exempt accounts, or while nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "int32"))]
    pub over: Option<u32>,
    /// Whether the limit is kept.
    #[serde(default)]
    pub state: QuotaState,
    /// Why it is not, and what to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// Whether a limit is kept.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
pub enum QuotaState {
    /// It is.
    Kept,
    /// Creates that began before it must end first: new objects have to wait.
    SettingUp,
    /// API servers do not ask the webhook about this resource.
    NotAsked,
    /// The webhook cannot read the objects, so that nothing is decided.
    Unreadable,
    /// The cluster does not have this resource; it is counted as soon as it does.
    NotServed,
    /// Nothing is known yet.
    #[default]
    Unknown,
}

/// A policy that could be used.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastGood {
    /// Its generation.
    pub generation: i64,
    /// Its specification.
    #[schemars(schema_with = "any_object")]
    pub spec: Value,
}

/// Kept as it was written: it need not fit a later version's schema.
fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}
