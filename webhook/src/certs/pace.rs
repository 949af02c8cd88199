//! How often this replica writes the Secret.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// Between two writes of our own: whatever others do with the Secret, keeping it costs the API server little.
const PAUSE: Duration = Duration::from_secs(5);
/// On top, at random, so that replicas do not step on each other's toes for ever.
const MAX_JITTER_MS: u64 = 3000;

/// The pace of writes.
#[derive(Debug, Default)]
pub struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// Waits until it is time for the next write, and says whether it had to: what was read before is then old.
    pub async fn waited(&self) -> bool {
        match self.next {
            Some(next) if Instant::now() < next => {
                sleep_until(next).await;
                true
            }
            _ => false,
        }
    }

    /// A write was made.
    pub fn wrote(&mut self) {
        self.next = Some(Instant::now() + PAUSE + jitter());
    }
}

fn jitter() -> Duration {
    // The standard library seeds each of these at random, and nothing here is a secret.
    Duration::from_millis(RandomState::new().build_hasher().finish() % MAX_JITTER_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_write_goes_at_once_and_the_next_ones_wait() {
        let start = Instant::now();
        let mut pace = Pace::default();
        assert!(!pace.waited().await, "there is nothing to wait for");
        for _ in 0..10 {
            pace.wrote();
            assert!(pace.waited().await);
            assert!(!pace.waited().await, "once is enough");
        }
        let passed = start.elapsed();
        assert!(passed >= 10 * PAUSE && passed <= 10 * Duration::from_secs(8), "{passed:?}");
        assert_ne!(passed, 10 * PAUSE, "replicas differ");
    }
}
