//! A question to Velero's server about itself.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Nothing needs to be said to ask.
#[derive(CustomResource, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[kube(
    group = "velero.io",
    version = "v1",
    kind = "ServerStatusRequest",
    namespaced,
    schema = "disabled",
    status = "ServerStatusRequestStatus"
)]
pub struct ServerStatusRequestSpec {}

/// The answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerStatusRequestStatus {
    /// `New` or `Processed`.
    pub phase: Option<String>,
    /// Velero's version.
    pub server_version: Option<String>,
}
