//! The proof of the ledger: one small world of API servers, a store and webhook replicas that run the real state machine,
//! searched exhaustively where it is small, and at random where it is large.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "all of this is a test")]

mod exhaustive;
mod mutants;
mod random;
mod world;
