//! Decisions about volume snapshots.

pub mod create;
pub mod driver_error;
pub mod name;
pub mod readiness;
pub mod table;
