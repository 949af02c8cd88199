//! What the webhook says of the policy.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The condition that tells whether the policy is in force.
pub const READY: &str = "Ready";

/// What the webhook makes of the policy. One of its replicas writes it.
#[derive(KubeSchema, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackupPolicyStatus {
    /// The generation that this speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: whether the policy as it stands is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// How full the quotas are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["resource".into()]))]
    pub quotas: Vec<QuotaCount>,
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
