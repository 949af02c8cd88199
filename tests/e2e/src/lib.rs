//! What the end-to-end tests share: a cluster, the plugin and kubectl as a user runs them, namespaces that go away.
//!
//! `cargo xtask test` starts the clusters and names them in the environment; a test never starts a shared one itself.
//! A failed step panics with what the program said: these functions are for tests only.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::print_stderr,
    reason = "a test that cannot go on ends here, with the reason"
)]

mod answers;
mod app;
mod bytes;
mod claim;
mod cluster;
mod hold;
mod namespace;
mod person;
mod reader;
mod refusal;
mod relay;
mod run;
mod shared;
mod terminal;
mod traffic;
mod wait;

pub use answers::serve;
pub use app::App;
pub use bytes::{noise, sha256};
pub use claim::Claim;
pub use cluster::TestCluster;
pub use hold::Hold;
pub use namespace::Namespace;
pub use person::{Binding, Person, until_granted};
pub use refusal::Refusal;
pub use relay::{Loss, Relay};
pub use run::Run;
pub use shared::{Shared, Turn};
pub use terminal::Terminal;
pub use traffic::{Outcome, Traffic};
pub use wait::until;
