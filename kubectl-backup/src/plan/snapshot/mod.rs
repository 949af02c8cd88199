//! Decisions about volume snapshots.

pub mod app;
pub mod batch;
pub mod content;
pub mod create;
pub mod delete;
pub mod dependants;
pub mod describe;
pub mod driver_error;
pub mod filled_from;
pub mod group;
pub mod lent;
pub mod member;
pub mod name;
pub mod obstacle;
pub mod origin;
pub mod owner;
pub mod pause;
pub mod preprovisioned;
pub mod provisioning;
pub mod prune;
pub mod readiness;
pub mod reminder;
pub mod restore;
pub mod retained;
pub mod table;
pub mod taken_back;
