//! A create on its way through an API server.

use backup_ledger::{Key, RequestId};

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct Plan {
    pub key: Key,
    pub dry_run: bool,
    /// No webhook is asked.
    pub bypass: bool,
    /// The account is never refused.
    pub exempt: bool,
}

impl Plan {
    pub fn of(name: &str) -> Self {
        Self { key: Key::new(&format!("ns-{name}"), name), dry_run: false, bypass: false, exempt: false }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Create {
    pub stage: Stage,
    /// Calls of the webhook made so far.
    pub calls: u8,
    /// Whether some stored ledger revision has ever recorded it.
    pub recorded: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    #[default]
    Planned,
    /// The webhook is being asked.
    Asking,
    /// The webhook allowed it.
    Allowed,
    /// Sent to the store; its window is still open.
    Submitted,
    /// Its window is closed, and it is in the store's log.
    Sealed,
    /// Stored.
    Stored,
    /// Was stored, and has been deleted.
    Deleted,
    /// Refused by us, or failed before or in the store.
    Over,
}

impl Stage {
    /// Whether its window is open: it can still be submitted, or its submission may not have reached the log.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Asking | Self::Allowed | Self::Submitted)
    }

    /// Whether it may still be written, having been allowed.
    pub fn may_be_written(self) -> bool {
        matches!(self, Self::Allowed | Self::Submitted | Self::Sealed)
    }
}

/// The calls of one create have requests of their own.
pub fn request(create: usize, call: u8) -> RequestId {
    RequestId(create as u64 * 8 + u64::from(call))
}

pub fn create_of(request: RequestId) -> usize {
    (request.0 / 8) as usize
}
