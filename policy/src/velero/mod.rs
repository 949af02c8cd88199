//! What the rules know of Velero's objects.

mod facts;
mod lock;
mod needs;
mod spec;

pub use facts::{
    BackupFact, ConfigMapFact, LocationFact, LockedBackup, Lookup, SnapshotLocationFact, VeleroFacts, open_deletions,
    phase_is_restorable,
};
pub use lock::{BadLock, Lock};
pub use needs::Needs;
pub(crate) use spec::{BACKUPS, Spec};
