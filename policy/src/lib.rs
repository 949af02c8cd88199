//! The rules. Pure: no clock, no network, no environment.
//!
//! The plugin and the webhook both decide with this crate, so that a manifest gets one verdict whichever way it takes.
//!
//! A [`Subject`] is an object somebody wants to write. [`evaluate`] collects every finding about it, [`defaults`] fills
//! what its author left open, [`quota`] says whether there is room for it, [`snapshot_class`] names a snapshot's class.
//! Whatever they need to know of the cluster is handed in as [`Facts`].

pub mod config;
pub mod cron;
pub mod defaults;
pub mod facts;
pub mod field_path;
pub mod finding;
pub mod fix;
pub mod go_duration;
pub mod names;
pub mod pod;
#[cfg(test)]
mod properties;
pub mod quota;
pub mod rules;
pub mod settings;
pub mod snapshot_class;
pub mod subject;
pub mod vap;
pub mod velero;
mod verdict;

pub use config::Config;
pub use facts::Facts;
pub use field_path::FieldPath;
pub use finding::{Finding, NotEvaluated, Severity};
pub use fix::{Change, Fix};
pub use subject::{Kind, Operation, Subject};
pub use verdict::{Verdict, evaluate};
