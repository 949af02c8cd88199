//! Cold backups: the noun that needs not be said.

pub mod create;
pub mod delete;
pub mod describe;
pub mod list;
