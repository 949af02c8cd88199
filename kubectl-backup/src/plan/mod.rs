//! Decisions: values in, values out. No clock, no network.

pub mod backup;
pub mod backup_deletion;
pub mod backup_report;
pub mod backup_row;
pub mod backup_volumes;
pub mod claim;
pub mod location;
pub mod name;
pub mod namespace_patterns;
pub mod nearest;
pub mod no_volume_data;
pub mod overwritten;
pub mod provisioned;
pub mod quantity;
pub mod quota;
pub mod refusal;
pub mod restore;
pub mod restore_row;
pub mod run;
pub mod saved_volume;
pub mod selector_words;
pub mod snapshot;
pub mod standstill;
pub mod velero_namespace;
pub mod velero_server;
pub mod volume_fate;
