//! Rolling a PVC back to a snapshot in place: what is kept about it, and what to do next.
//!
//! A rollback is a [`Journal`] on the snapshot and a function from what is seen to the next [`Step`]. Nothing else is
//! remembered, so that a run that was killed goes on where the cluster stands.

mod claims;
mod deletable;
mod journal;
pub mod kept;
mod next;
mod start;
mod words;

pub use claims::{replacement, restored};
pub use deletable::deletable;
pub use journal::{Direction, Journal, Kept, ROLLBACK, Workload, WorkloadKind};
pub use next::{ClaimSeen, Observed, SafetySeen, Step, VolumeSeen, WorkloadSeen, next};
pub use start::{Found, Owner, Scalable, Start, User, start};
pub use words::{both_ways, describe_plan, done, finished, go_on, undone};
