//! The part of an object that every object has.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

/// An object of which only its metadata matters.
#[derive(Debug, Deserialize)]
pub struct Named {
    /// Name, labels, times.
    #[serde(default)]
    pub metadata: ObjectMeta,
}
