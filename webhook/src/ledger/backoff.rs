//! The pause before something that failed is tried again.

use std::time::Duration;

use crate::jitter;

const FIRST: Duration = Duration::from_millis(10);
const LAST: Duration = Duration::from_secs(1);

/// How often something failed in a row, and whether the pause for the last time is still to be made.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    due: bool,
}

impl Backoff {
    /// It failed.
    pub fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.due = true;
    }

    /// It worked.
    pub fn worked(&mut self) {
        *self = Self::default();
    }

    /// The pause before the next try: none without a failure since the last pause.
    pub fn pause(&mut self) -> Duration {
        if !std::mem::take(&mut self.due) {
            return Duration::ZERO;
        }
        let most = FIRST.saturating_mul(1 << self.failures.min(16)).min(LAST);
        FIRST.min(most) / 2 + jitter::below(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_end_with_success() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.pause(), Duration::ZERO);
        backoff.failed();
        let first = backoff.pause();
        assert!(first > Duration::ZERO && first <= Duration::from_millis(25), "{first:?}");
        assert_eq!(backoff.pause(), Duration::ZERO, "one pause for one failure");
        let mut longest = Duration::ZERO;
        for _ in 0..100 {
            backoff.failed();
            longest = longest.max(backoff.pause());
        }
        assert!(longest > LAST / 2 && longest <= LAST + FIRST, "{longest:?}");
        backoff.failed();
        backoff.worked();
        assert_eq!(backoff.pause(), Duration::ZERO);
    }
}
