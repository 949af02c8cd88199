//! One file per command: its arguments, and the function that runs it.

pub mod backup;
pub mod clone;
pub mod explain;
pub mod lint;
mod listing;
pub mod options;
pub mod policy;
pub mod quota;
pub mod restore;
pub mod snapshot;
mod velero_listing;
pub mod version;
mod watching;
