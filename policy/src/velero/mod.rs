//! What the rules know of Velero's objects.

mod facts;
mod lock;
mod spec;

pub use facts::{
    BackupFact, ConfigMapFact, LocationFact, Lookup, SnapshotLocationFact, VeleroFacts, phase_is_restorable,
};
pub use lock::{BadLock, Lock};
pub(crate) use spec::{BACKUPS, Spec};
