//! The BackupPolicy as it is in force: watched, judged, swapped as a whole, and told in its own status.
//!
//! Way of the data: watch → [`judge`] and [`absence`] (pure) → [`Current`], the ledgers and the metrics → [`status`] (pure) → its status.

mod absence;
mod current;
mod follow;
mod judge;
mod publish;
mod series;
mod status;

pub use current::Current;
pub use follow::Follower;
pub use series::Series;
