//! What a replica is told. The edge turns answers of the API server, watch events and timers into these.

use std::collections::BTreeMap;

use crate::{
    claim::{Claim, RequestId},
    identity::{Key, Object, Uid},
    limits::Limits,
    status::LedgerStatus,
};

/// What a replica is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// A create asks for a slot.
    Claimed(Claim),
    /// The time to answer a claim is over.
    DeadlineReached(RequestId),
    /// The limit, at the start and whenever the policy changes.
    LimitsSet(Limits),
    /// It is known that every API server calls this webhook (A1), and by what; a new ledger's quarantine begins only then.
    HookConfirmed(String),
    /// It is known that an API server does not call this webhook: what was waited for is to be waited for again.
    HookLost,
    /// The answer to [`Effect::ReadLedger`](crate::Effect::ReadLedger): the ledger, or nothing when there is none.
    LedgerRead(Option<Copy>),
    /// The read failed.
    LedgerUnreadable,
    /// The watch of the ledger: a revision, or nothing when it was deleted.
    LedgerWatched(Option<Copy>),
    /// The answer to [`Effect::WriteLedger`](crate::Effect::WriteLedger) or [`Effect::CreateLedger`](crate::Effect::CreateLedger).
    LedgerWritten(WriteOutcome),
    /// The watch of the counted resource: an object exists (added or modified, terminating ones included).
    ObjectSeen(Object),
    /// The watch of the counted resource: exactly this object was deleted from the store.
    ObjectDeleted(Object),
    /// The answer to [`Effect::Look`](crate::Effect::Look).
    Looked(Sightings),
    /// Compare everything: from time to time, and whenever the watch began anew.
    ReconcileDue,
    /// A timer that was started has run its full time.
    TimerFired(Timer),
}

/// One revision of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Copy {
    /// Which revision.
    pub revision: Revision,
    /// What it says.
    pub status: LedgerStatus,
}

/// Names one revision of one ledger object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revision {
    /// The `metadata.uid` of the ledger: another one after it was deleted and made again.
    pub incarnation: Uid,
    /// Its `metadata.resourceVersion`, an opaque text.
    pub version: String,
}

/// How a write of the ledger ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WriteOutcome {
    /// It is stored, under this revision.
    Committed(Revision),
    /// It is not stored and never will be: another revision is current, or the ledger is gone (409, 404), or it was refused.
    Conflict,
    /// It may be stored, now or later: a timeout, a broken connection, a server error.
    Unknown,
}

/// What consistent reads found, all begun after the effect that asked for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Sightings {
    /// Whether this is a whole consistent list: a key that is not in `at` is then empty, and otherwise unknown.
    pub complete: bool,
    /// What stands at a key: a counted object, or nothing (an exempt object counts as nothing).
    pub at: BTreeMap<Key, Option<Uid>>,
}

impl Sightings {
    /// What stands at a key, when that is known.
    #[must_use]
    pub(crate) fn get(&self, key: &Key) -> Option<Option<&Uid>> {
        match self.at.get(key) {
            Some(found) => Some(found.as_ref()),
            None if self.complete => Some(None),
            None => None,
        }
    }

    /// Every object found.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Object> + '_ {
        self.at.iter().filter_map(|(key, uid)| uid.clone().map(|uid| Object::new(key.clone(), uid)))
    }
}

/// What a timer is for, measured by the replica's own monotonic clock from the effect that started it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// An object in flight may not be written any more when this has run for the full TTL (A2).
    Pending(Object),
    /// All creates from before a new ledger have ended when this has run for the full TTL (A1, A2). The number tells
    /// quarantines apart.
    Quarantine(u32),
    /// Evidence has been collected for a moment; a short time, different for each replica, so that one writes for all.
    Flush,
    /// A write of this epoch met another's, and the watch of the ledger has not brought that for a moment: about as long as it is
    /// late at most. Whoever has no such watch may let it fire at once.
    Silence(u64),
}
