//! End to end on clusters of a test's own: something is missing, or our webhook keeps the rules.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

mod controllers_down;
mod d1_krew;
mod full_quota;
mod h3_unread_quota;
mod install;
mod missing;
mod parity;
mod policy;
mod quota;
mod retained;
mod two_veleros;
mod velero;
mod w1_configuration;
mod w1_further;
mod w1_told;
mod w2_oadp;
mod w6_policies;
mod w7_tenant;
mod w8_cert_manager;
mod w8_own_queue;
mod w9_audit;
mod webhook;
mod webhook_server;
