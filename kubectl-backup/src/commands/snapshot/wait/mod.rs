//! Waits of the snapshot commands, with progress.

mod bound;
mod gone;
mod ready;

pub use bound::until_bound;
pub use gone::until_gone;
pub use ready::until_ready;
