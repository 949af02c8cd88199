//! The rules. Pure: no clock, no network, no environment.
//!
//! The plugin and the webhook both decide with this crate, so that a manifest gets one verdict whichever way it takes.

pub mod config;
pub mod snapshot_class;

pub use config::Config;
