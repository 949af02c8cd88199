//! Rolling a PVC back to a snapshot in place: what is kept about it, and what to do next.
//!
//! A rollback is a [`Journal`] on the snapshot and a function from what is seen to the next [`Step`]. Nothing else is
//! remembered, so that a run that was killed goes on where the cluster stands.

mod by_hand;
mod claims;
mod deletable;
mod finish;
mod full;
mod journal;
pub mod kept;
mod left;
mod next;
mod notes;
mod owners;
mod safety;
mod start;
mod words;

pub use by_hand::by_hand;
pub use claims::{replacement, restored};
pub use deletable::deletable;
pub use finish::{check_finish, nothing_let_go};
pub use full::{is_full, room_to_grow, still_full};
pub use journal::{Direction, Journal, Kept, ROLLBACK, Workload, WorkloadKind};
pub use left::leaving;
pub use next::{ClaimSeen, Observed, SafetySeen, Step, VolumeSeen, WorkloadSeen, next};
pub use notes::{Notes, Standing, begun_from};
pub use owners::{OwnerSeen, kept_owners, let_owners_go};
pub use safety::{is_safety_of, mark_safety};
pub use start::{Found, Owner, Scalable, Start, User, start, workloads};
pub use words::{both_ways, describe_plan, done, finished, go_on, held, undone};
