//! How long things take.

use std::time::Duration;

use jiff::Timestamp;

use crate::{clock::Clock, jitter};

/// How long an admitted create may still be written: an API server ends its handler after 34 s, and etcd's answer may take 7 s
/// more.
pub const TTL: Duration = Duration::from_secs(60);
/// Below this the time would no longer be one after which a create cannot be written.
pub const SHORTEST_TTL: Duration = Duration::from_secs(45);
/// The longest time a claim waits for a create under way to leave it room.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Between two comparisons of everything.
pub const RECONCILE: Duration = Duration::from_secs(300);
/// The longest a read or write of one object may take before its outcome counts as unknown.
pub const REQUEST: Duration = Duration::from_secs(5);
/// The longest a list may take.
pub const LIST: Duration = Duration::from_secs(20);

/// What a replica waits for.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    ttl: Duration,
    clock: Clock,
}

impl Times {
    /// With this time after which an admitted create is over, and this clock.
    pub fn new(ttl: Duration, clock: Clock) -> Self {
        Self { ttl: ttl.max(SHORTEST_TTL), clock }
    }

    /// The time of day, for people: nothing is decided by it.
    pub fn now(self) -> Timestamp {
        self.clock.now()
    }

    /// The time for one timer that waits for creates to be over: never less, and different for each replica, so that
    /// one writes for all.
    pub fn ttl(self) -> Duration {
        self.ttl + jitter::below(self.ttl / 16)
    }

    /// How long the watch of the ledger may be silent about a write that another replica has stored.
    pub fn silence() -> Duration {
        Duration::from_millis(100) + jitter::below(Duration::from_millis(50))
    }

    /// How long evidence is collected before it is written.
    pub fn flush() -> Duration {
        Duration::from_millis(50) + jitter::below(Duration::from_millis(450))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_create_is_never_given_up_too_early() {
        for asked in [Duration::ZERO, SHORTEST_TTL, TTL] {
            let ttl = Times::new(asked, Clock::default()).ttl();
            assert!(ttl >= SHORTEST_TTL.max(asked) && ttl <= SHORTEST_TTL.max(asked) * 17 / 16, "{ttl:?}");
        }
    }
}
