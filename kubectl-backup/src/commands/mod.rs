//! One file per command: its arguments, and the function that runs it.

pub mod backup;
pub mod restore;
pub mod snapshot;
pub mod version;
