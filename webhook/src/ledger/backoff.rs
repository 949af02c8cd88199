//! The pause before something that failed is tried again.

use std::time::Duration;

use tokio::time::Instant;

use crate::jitter;

const FIRST: Duration = Duration::from_millis(10);
const LAST: Duration = Duration::from_secs(1);
/// About as long as a read and a write of the ledger take.
const TURN: Duration = Duration::from_millis(20);
/// As often in a row nobody is too late by chance.
const UNLUCKY: u32 = 12;
/// How long after another replica was met it is still expected to write.
const COMPANY: Duration = Duration::from_secs(2);

/// Turns of replicas that write the same ledger.
///
/// Whoever has just written could write again at once, before others have heard of it: so that one replica could keep all others
/// waiting for seconds. So while others are about, each leaves them a moment, and none waits longer the more often it was too late: with
/// each conflict somebody else got ahead.
#[derive(Debug, Default)]
pub struct Turns {
    met: Option<Instant>,
    late: bool,
    in_a_row: u32,
}

impl Turns {
    /// Another replica was faster. Whether that may be true: one that is never heard out may not be allowed to write at all.
    pub fn met(&mut self) -> bool {
        (self.met, self.late) = (Some(Instant::now()), true);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.in_a_row <= UNLUCKY
    }

    /// A write was stored.
    pub fn worked(&mut self) {
        self.in_a_row = 0;
    }

    /// The pause before a write. `again` when the last one was ours, and nothing was heard of others since.
    pub fn before_write(&mut self, again: bool) -> Duration {
        let (late, in_company) = (std::mem::take(&mut self.late), self.met.is_some_and(|met| met.elapsed() < COMPANY));
        match (in_company, again, late) {
            (true, true, _) => jitter::below(TURN),
            // All who were too late hear of the other's write at the same moment.
            (true, false, true) => jitter::below(TURN / 2),
            _ => Duration::ZERO,
        }
    }
}

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

    #[tokio::test(start_paused = true)]
    async fn who_writes_again_leaves_others_a_moment_and_who_was_late_waits_no_longer_each_time() {
        let mut turns = Turns::default();
        assert_eq!(turns.before_write(true), Duration::ZERO, "it is alone");
        let mut pauses = Vec::new();
        for _ in 0..100 {
            assert!(turns.met());
            turns.worked();
            pauses.push((turns.before_write(false), turns.before_write(true)));
            assert_eq!(turns.before_write(false), Duration::ZERO, "one pause for one conflict");
        }
        assert!(pauses.iter().all(|(late, again)| *late <= TURN / 2 && *again <= TURN), "{pauses:?}");
        assert!(pauses.iter().any(|(late, again)| !late.is_zero() && !again.is_zero()));
        assert_eq!((0..20).filter(|_| turns.met()).count(), 12, "that is no chance any more");
        tokio::time::advance(COMPANY).await;
        assert_eq!(turns.before_write(true), Duration::ZERO, "it is alone again");
    }

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
