//! What a replica wants done. The edge does it and answers by an event.

use std::collections::BTreeSet;

use crate::{
    claim::RequestId,
    event::{Revision, Timer},
    identity::{Key, Object},
    status::LedgerStatus,
    verdict::Verdict,
};

/// What a replica wants done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Read the ledger from the store itself (no resource version). One read or write of the ledger is under way at a time.
    ReadLedger,
    /// Make the ledger, without a status.
    CreateLedger,
    /// Replace the ledger's status if, and only if, this revision is still the current one.
    WriteLedger {
        /// The revision that is replaced.
        expected: Revision,
        /// The new status.
        status: LedgerStatus,
    },
    /// Read objects from the store itself, beginning now. One look is under way at a time.
    Look(Scope),
    /// Answer a claim.
    Reply {
        /// Which one.
        request: RequestId,
        /// The answer.
        verdict: Verdict,
    },
    /// Start a timer by the monotonic clock.
    StartTimer(Timer),
    /// Tell metrics and events.
    Notify(Notice),
}

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// These keys, each by a consistent get, or all by one consistent list.
    Keys(BTreeSet<Key>),
    /// Everything, by one consistent list.
    All,
}

/// Something that was written and that people may want to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Notice {
    /// A slot was taken for an object that had been stored without a claim: A1 did not hold, unless the ledger is new.
    Adopted(Object),
    /// An object no longer holds its slot.
    Released(Object, Proof),
    /// The ledger decides claims from now on.
    Ready,
}

/// Why an object cannot exist any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// O2: the watch said that exactly this object was deleted (A4).
    Deleted,
    /// R1: it had been seen to exist, and a later consistent read did not find it (A4).
    Absent,
    /// R3: its time was over, then a ledger write was stored, then a consistent read did not find it (A2, A3).
    Expired,
}
