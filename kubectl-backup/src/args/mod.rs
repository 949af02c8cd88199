//! Flags that several commands share.

mod connection;
mod dry_run;
mod duration;
mod labels;
mod mapping;
mod name;
mod namespace;
mod output;
mod velero_name;

pub use connection::ConnectionArgs;
pub use dry_run::{DryRun, DryRunArgs};
pub use duration::{go_duration, parse_duration};
pub use labels::{Labels, Selector};
pub use mapping::NamespaceMapping;
pub use name::{parse_claim_name, parse_name, parse_snapshot_name};
pub use namespace::NamespaceScopeArgs;
pub use output::{OutputArgs, OutputFormat};
pub use velero_name::{parse_backup_name, parse_restore_name};
