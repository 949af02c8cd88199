//! End to end with pods: what an application wrote is what it finds again.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod c13_copies;
mod c3_volumes;
mod d2_hardening;
mod d2_manifests;
mod h3_pause;
mod h4_restore;
mod h5_clone;
mod h6_other_namespace;
mod h8_prune;
mod h9_device;
mod h9_killed;
mod h9_rollback;
mod h9_safety;
mod h9_stateful;
mod least_rights;
mod w3_node_directory;
