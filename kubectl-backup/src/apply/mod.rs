//! Writes, and waits for what they set going.

pub mod follow;
