//! One time limit for several waits.

use std::time::Duration;

use tokio::time::Instant;

/// What is left of a time limit.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    limit: Duration,
    end: Option<Instant>,
}

impl Budget {
    /// Starts now; zero never ends.
    pub fn new(limit: Duration) -> Self {
        Self { limit, end: (!limit.is_zero()).then(|| Instant::now() + limit) }
    }

    /// Returns the limit for the next wait, zero for as long as it takes; never zero because the time is up.
    pub fn left(&self) -> Duration {
        self.left_at(Instant::now())
    }

    fn left_at(&self, now: Instant) -> Duration {
        self.end.map_or(Duration::ZERO, |end| end.saturating_duration_since(now).max(Duration::from_millis(1)))
    }

    /// Returns how long all waits together may take.
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_share_it_and_the_last_gets_what_is_left() {
        let started = Instant::now();
        let ten = Duration::from_secs(10);
        let budget = Budget { limit: ten, end: Some(started + ten) };
        let left = |seconds: u64| budget.left_at(started + Duration::from_secs(seconds));
        assert_eq!([left(0), left(7), left(14)], [ten, Duration::from_secs(3), Duration::from_millis(1)]);
        assert_eq!(Budget::new(Duration::ZERO).left(), Duration::ZERO);
    }
}
