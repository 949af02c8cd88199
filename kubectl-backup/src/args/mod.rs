//! Flags that several commands share.

mod connection;
mod dry_run;
mod duration;
mod namespace;
mod output;

pub use connection::ConnectionArgs;
pub use dry_run::{DryRun, DryRunArgs};
pub use duration::{go_duration, parse_duration};
pub use namespace::NamespaceScopeArgs;
pub use output::{OutputArgs, OutputFormat};
