//! What the rules know of Velero's objects.

#[cfg(test)]
mod config_maps;
mod document;
mod facts;
mod label_selector;
mod lock;
mod needs;
pub mod resource_modifiers;
mod spec;
pub mod volume_policies;

pub use facts::{
    BackupFact, ConfigMapFact, LocationFact, LockedBackup, Lookup, SnapshotLocationFact, VeleroFacts, open_deletions,
    phase_is_restorable,
};
pub use lock::{BadLock, Lock};
pub use needs::Needs;
pub(crate) use spec::{BACKUPS, Spec};
