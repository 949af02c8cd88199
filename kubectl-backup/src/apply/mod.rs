//! Writes, and waits for what they set going.

pub mod backup_deletion;
pub mod bound;
mod deletion_request;
mod exec;
pub mod follow;
mod gone;
pub mod made;
pub mod one_snapshot;
mod pair_ready;
pub mod pause;
pub mod preflight;
pub mod quota_room;
pub mod ready;
mod remind;
pub mod restoration;
pub mod snapshot_class;
pub mod snapshot_creation;
pub mod snapshot_deletion;
pub mod start;
pub mod storage_copy;
pub mod taken_back;
pub mod unanswered;
pub mod velero_version;
mod wonder;
