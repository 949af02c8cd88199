//! The time of day, which everything that asks for it gets handed in.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::{pki_types::UnixTime, time_provider::TimeProvider};

/// The machine's clock, or one that is off by so much: what a clock that is wrong does to the webhook must be seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    offset: SignedDuration,
}

impl Clock {
    /// A clock that is ahead of the machine's by `offset`.
    pub fn ahead_by(offset: SignedDuration) -> Self {
        Self { offset }
    }

    /// The time.
    #[allow(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    pub fn now(self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(self.offset).unwrap_or(now)
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_moves_the_time_for_certificates_too() {
        let hour = SignedDuration::from_hours(1);
        let (right, ahead) = (Clock::default(), Clock::ahead_by(hour));
        let between = ahead.now().duration_since(right.now());
        assert!(between > hour - SignedDuration::from_secs(60) && between < hour + SignedDuration::from_secs(60));
        let seconds = |clock: Clock| clock.current_time().expect("a time").as_secs();
        assert!(seconds(ahead) >= seconds(right) + 3540);
    }
}
