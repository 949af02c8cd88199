//! Flags that several commands share.

mod access_mode;
mod annotations;
mod connection;
mod dry_run;
mod duration;
mod hook;
mod labels;
mod list_output;
mod lock;
mod name;
mod namespace;
mod namespaces;
mod output;
mod velero_name;
mod wait;

pub use access_mode::parse_access_mode;
pub use annotations::Annotations;
pub use connection::ConnectionArgs;
pub use dry_run::{DryRun, DryRunArgs};
pub use duration::{go_duration, parse_duration, parse_request_timeout, parse_retention};
pub use hook::Hook;
pub use labels::{Labels, Selector, parse_selector};
pub use list_output::ListOutputArgs;
pub use lock::parse_lock;
pub use name::{parse_claim_name, parse_claim_pair, parse_group, parse_name, parse_snapshot_name};
pub use namespace::NamespaceScopeArgs;
pub use namespaces::{NamespaceMapping, parse_namespace, parse_namespace_pattern};
pub use output::{OutputArgs, OutputFormat, ReportOutputArgs};
pub use velero_name::{parse_backup_name, parse_restore_name};
pub use wait::WaitArgs;
