//! How often this replica writes the Secret.

use std::time::Duration;

use tokio::time::Instant;

use crate::jitter;

/// Between two writes of our own: whatever others do with the Secret, keeping it costs the API server little.
const PAUSE: Duration = Duration::from_secs(5);
/// On top, at random, so that replicas do not step on each other's toes for ever.
const MAX_JITTER: Duration = Duration::from_secs(3);

/// The pace of writes.
#[derive(Debug, Default)]
pub struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// How long to wait until the next write.
    pub fn left(&self, now: Instant) -> Duration {
        self.next.map(|next| next.saturating_duration_since(now)).unwrap_or_default()
    }

    /// A write was made.
    pub fn wrote(&mut self, now: Instant) {
        self.next = Some(now + PAUSE + jitter::below(MAX_JITTER));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_write_goes_at_once_and_the_next_ones_wait() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.left(now), Duration::ZERO);
        let waits: Vec<_> = (0..20)
            .map(|_| {
                pace.wrote(now);
                pace.left(now)
            })
            .collect();
        assert!(waits.iter().all(|wait| (PAUSE..=Duration::from_secs(8)).contains(wait)), "{waits:?}");
        assert!(waits.iter().any(|wait| wait != &waits[0]), "replicas differ");
        assert_eq!(pace.left(now + Duration::from_secs(8)), Duration::ZERO);
    }
}
