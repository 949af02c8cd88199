//! The connection to the API server: kubectl's flags in, a client with our layers out.

mod budget;
mod connect;
mod deadline;
mod kubeconfig;
mod list;
mod list_reader;
mod named;
mod object;
mod retry;
mod wait;
mod warnings;

pub use budget::Budget;
pub use connect::{Cluster, connect};
pub use deadline::DeadlineExceeded;
pub use list::{ListRequest, list};
pub use object::{apply, create, delete, delete_exactly, get, path};
pub use wait::{until, until_any, watch};

/// The owner of the fields that the plugin sets.
pub const FIELD_MANAGER: &str = "kubectl-backup";
