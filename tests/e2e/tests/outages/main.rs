//! W8 with the webhook as pods: what happens to it while creates go on. One after another, and apart from all other
//! tests: these take the webhook away.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod d2_install;
mod system;
mod w8_always_there;
mod w8_without;
