//! One file per command: its arguments, and the function that runs it.

pub mod backup;
mod listing;
pub mod options;
pub mod quota;
pub mod restore;
pub mod snapshot;
pub mod version;
