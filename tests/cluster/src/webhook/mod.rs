//! Our webhook in a cluster: as pods where there is a node, as a process beside the others.

mod asked;
mod pods;
mod process;
mod quotas;

pub use asked::until_asked;
pub use pods::install_pods;
pub use process::{POLICY_GRACE, Replica, Webhook, apply_url, apply_url_of, start_process, start_process_with};
pub use quotas::{until_quotas_of_now, until_quotas_ready};
