//! Decisions about volume snapshots.

pub mod create;
pub mod delete;
pub mod describe;
pub mod driver_error;
pub mod name;
pub mod readiness;
pub mod restore;
pub mod table;
