//! Decisions: values in, values out. No clock, no network.

pub mod backup;
pub mod claim;
pub mod location;
pub mod nearest;
pub mod provisioned;
pub mod refusal;
pub mod restore;
pub mod run;
pub mod snapshot;
pub mod velero_namespace;
