//! The edge of the exact quotas: `backup-ledger` decides, this room carries out what it wants done.
//!
//! One task owns the replica of one quota; reads and writes run beside it and come back as events. See the crate's README
//! for what each effect has to keep.

mod asked_by;
mod backoff;
mod counted;
mod decision;
mod hook;
mod lead;
mod look;
mod observe;
mod peers;
mod quotas;
mod report;
mod roll;
mod sample;
mod series;
mod stand;
mod store;
mod task;
mod times;
mod trouble;
mod wish;

pub use asked_by::Configuration;
pub use decision::{Ask, Decision};
pub use hook::{Probes, seen as probe_seen};
pub use peers::{Handed, OVERDUE, PATH as PEERS_PATH, Peers};
pub use quotas::{Overdue, Quotas};
pub use series::Series;
pub use times::{SHORTEST_TTL, TTL, Times};
