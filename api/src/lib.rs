//! Kubernetes types that the plugin and the webhook both speak: Velero, CSI snapshots, BackupPolicy.
//!
//! The structs are lenient: every field that a server may leave out is optional, unknown fields are passed over. So
//! they are for reading and for creating; an existing object is changed by a patch, never by writing a struct back.

pub mod claim;
pub mod labels;
pub mod ledger;
pub mod policy;
pub mod snapshot;
pub mod velero;
