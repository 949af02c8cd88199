//! Cold backups: the noun that needs not be said.

pub mod create;
