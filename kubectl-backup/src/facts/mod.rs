//! Facts that commands read from the cluster.

pub mod account;
pub mod backup_standing;
pub mod backup_volumes;
pub mod claim;
pub mod dependants;
pub mod events;
pub mod file_copies;
pub mod named;
pub mod policy;
pub mod quota;
pub mod resource_quotas;
pub mod rights;
pub mod rollback;
pub mod rules;
pub mod selected;
pub mod served;
pub mod snapshots;
pub mod target;
pub mod target_namespace;
pub mod velero;
pub mod velero_server;
pub mod volume_rows;
pub mod workloads;
