//! The exact quota: never more objects of a resource in a cluster than its limit, whatever races, crashes or is delayed.
//!
//! One stored object per quota ([`LedgerStatus`], the status of a cluster-scoped `QuotaLedger`) is the lock and the count. It
//! is only ever replaced by compare-and-swap. Before a create is admitted, its key and uid are recorded there; a record
//! leaves only on proof that its object does not exist and never will. What each proof leans on:
//!
//! - A1: every create passes the webhook (failure policy Fail, configuration known to every API server).
//! - A2: no create reaches the store later than the TTL after it was recorded.
//! - A3: the store is linearizable, and the ledger lives in the same one as the counted objects.
//! - A4: a uid is written at most once.
//!
//! Everything here is a pure function: [`Replica::step`] takes an [`Event`] and says what to do as [`Effect`]s. `README.md`
//! shows the loop that drives it.

mod claim;
mod effect;
mod event;
mod identity;
mod limits;
mod replica;
mod rules;
mod status;
mod verdict;

pub use claim::{Claim, RequestId, Standing};
pub use effect::{Effect, Notice, Proof, Scope};
pub use event::{Copy, Event, Revision, Sightings, Timer, WriteOutcome};
pub use identity::{Key, Object, Uid};
pub use limits::Limits;
pub use replica::Replica;
pub use status::{LedgerStatus, MAX_PENDING, MAX_SLOTS, Pending, Phase, Slot};
pub use verdict::{Refusal, Verdict};
