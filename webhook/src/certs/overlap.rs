//! How long API servers have been told whom to trust and how to call.

use std::time::Duration;

use tokio::time::Instant;

/// Since when this replica has seen both webhook configurations say the same.
#[derive(Default)]
pub struct Overlap {
    told: Option<(String, Instant)>,
}

impl Overlap {
    /// The configurations say this. `changed` when they did not before this look: somebody may have read them so.
    pub fn saw(&mut self, trusted: &str, changed: bool, now: Instant) {
        let same = self.told.as_ref().is_some_and(|(known, _)| known == trusted);
        if !same || changed {
            self.told = Some((trusted.to_owned(), now));
        }
    }

    /// How much of the time that API servers get is left.
    pub fn left(&self, trusted: &str, overlap: Duration, now: Instant) -> Duration {
        match &self.told {
            Some((known, since)) if known == trusted => overlap.saturating_sub(now.duration_since(*since)),
            _ => overlap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_counts_from_the_last_change() {
        let (mut overlap, start) = (Overlap::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let minute = Duration::from_secs(60);
        assert_eq!(overlap.left("a", minute, at(0)), minute);
        overlap.saw("a", true, at(0));
        overlap.saw("a", false, at(20));
        assert_eq!(overlap.left("a", minute, at(20)), Duration::from_secs(40));
        assert_eq!(overlap.left("a", minute, at(70)), Duration::ZERO);
        overlap.saw("a", true, at(30));
        assert_eq!(overlap.left("a", minute, at(70)), Duration::from_secs(20), "somebody had changed it");
        overlap.saw("b", false, at(70));
        assert_eq!(overlap.left("b", minute, at(70)), minute);
        assert_eq!(overlap.left("a", minute, at(70)), minute);
    }
}
