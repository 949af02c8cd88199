//! What should not be.

use crate::history::{Later, Outcome, Revision, Ticket};

/// Something that a run must not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// More objects were alive than may be.
    OverLimit {
        /// When.
        revision: Revision,
        /// How many.
        alive: usize,
    },
    /// A try was refused for want of room, and there was room all the while.
    Unjustified {
        /// The try.
        ticket: Ticket,
        /// The most keys that could have held a slot meanwhile.
        holders: usize,
    },
    /// A try was refused for now, and the reason was none all the while.
    Unexplained {
        /// The try.
        ticket: Ticket,
        /// What its client was told.
        why: Later,
    },
    /// A try was refused, or was a dry run, and its object was stored.
    Stored {
        /// The try.
        ticket: Ticket,
        /// What its client was told.
        outcome: Outcome,
    },
    /// A client was told that its object was made, and the history does not know it.
    Lost {
        /// The try.
        ticket: Ticket,
    },
    /// An object was alive that a ready ledger had not recorded.
    Uncovered {
        /// When.
        revision: Revision,
        /// The object.
        key: String,
    },
    /// The ledger held more slots than may be.
    TooManySlots {
        /// When.
        revision: Revision,
        /// How many.
        slots: usize,
    },
    /// The ledger was written by somebody who had not read its last state.
    SkippedEpoch {
        /// When.
        revision: Revision,
    },
    /// At the end, after all had come to rest, the ledger and the store differ.
    NotAtRest {
        /// In what.
        difference: String,
    },
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OverLimit { revision, alive } => write!(f, "{alive} objects were alive at revision {revision}"),
            Self::Unjustified { ticket, holders } => {
                write!(f, "try {ticket} was told that there is no room, and only {holders} could have held a slot")
            }
            Self::Unexplained { ticket, why } => {
                write!(f, "try {ticket} was told to try again ({why:?}), and nothing was so while it was asked")
            }
            Self::Stored { ticket, outcome } => {
                write!(f, "try {ticket} was answered {outcome:?}, and its object was stored")
            }
            Self::Lost { ticket } => {
                write!(f, "try {ticket} was told that its object was made; the store has no trace")
            }
            Self::Uncovered { revision, key } => {
                write!(f, "{key} was alive at revision {revision}, and the ledger had no record of it")
            }
            Self::TooManySlots { revision, slots } => write!(f, "the ledger held {slots} slots at revision {revision}"),
            Self::SkippedEpoch { revision } => {
                write!(f, "the ledger's write at revision {revision} does not follow the one before")
            }
            Self::NotAtRest { difference } => write!(f, "at the end {difference}"),
        }
    }
}
