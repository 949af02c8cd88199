//! Writes, and waits for what they set going.

pub mod backup_deletion;
pub mod follow;
pub mod start;
pub mod velero_version;
mod wonder;
