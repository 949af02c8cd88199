//! The answer to a claim.

use crate::identity::Key;

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The object is recorded in a ledger revision that was read or written (or it is a dry run and there is room).
    Admitted,
    /// The account is never refused and the ledger could not record the object; it will be adopted when it is seen.
    AdmittedUnrecorded,
    /// Not now.
    Refused(Refusal),
}

/// Why a claim was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Every slot is held by an object that exists: all were looked at after the claim arrived.
    #[error("{}/{limit} used", holders.len())]
    Full {
        /// The limit.
        limit: usize,
        /// Who holds the slots.
        holders: Vec<Key>,
    },
    /// Every slot is taken, some by creates whose outcome is not known yet.
    #[error("{used}/{limit} used, {pending} of them by creates whose outcome is not known yet; try again in a moment")]
    AwaitingOutcome {
        /// The limit.
        limit: usize,
        /// Slots taken.
        used: usize,
        /// How many of them await an outcome.
        pending: usize,
    },
    /// The namespace has too many creates under way.
    #[error(
        "{pending} creates of namespace {namespace} are under way, and no more than {cap} may be; try again in a moment"
    )]
    NamespaceBusy {
        /// The namespace.
        namespace: String,
        /// How many await an outcome.
        pending: usize,
        /// How many may.
        cap: usize,
    },
    /// The user has too many creates under way.
    #[error("{pending} creates of user {user} are under way, and no more than {cap} may be; try again in a moment")]
    UserBusy {
        /// The user.
        user: String,
        /// How many await an outcome.
        pending: usize,
        /// How many may.
        cap: usize,
    },
    /// Too many creates of this one name are under way.
    #[error("{pending} creates of {key} are under way already; try again in a moment")]
    KeyBusy {
        /// The key.
        key: Key,
        /// How many await an outcome.
        pending: usize,
    },
    /// The ledger, or this replica, holds as much as it can.
    #[error("too many creates are under way in the cluster; try again in a moment")]
    Overloaded,
    /// The ledger is being set up.
    #[error("the quota is being set up: creates that began before it must end first; try again in about a minute")]
    Initializing,
    /// There are more objects than a ledger can hold.
    #[error("there are more objects than a quota can count (2000)")]
    Uncountable,
    /// The ledger could not be read or written in time.
    #[error("the quota could not be checked in time; try again")]
    TimedOut,
}

impl Refusal {
    /// Whether the limit itself is the reason, and only a deletion can help; anything else may go away by itself.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Uncountable)
    }

    /// After how many seconds another try makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Full { .. } | Self::Uncountable => None,
            Self::Initializing => Some(10),
            Self::AwaitingOutcome { .. } => Some(2),
            Self::NamespaceBusy { .. }
            | Self::UserBusy { .. }
            | Self::KeyBusy { .. }
            | Self::Overloaded
            | Self::TimedOut => Some(1),
        }
    }
}
