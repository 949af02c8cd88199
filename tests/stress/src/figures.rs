//! Times that were measured, and what is told of them.

use std::time::Duration;

/// Times of one kind of request.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    sorted: Vec<Duration>,
    took: Duration,
}

impl Sample {
    /// These times, of requests that were made within that time.
    pub fn new(mut times: Vec<Duration>, took: Duration) -> Self {
        times.sort_unstable();
        Self { sorted: times, took }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// How many a second.
    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn rate(&self) -> f64 {
        self.sorted.len() as f64 / self.took.as_secs_f64()
    }

    /// Milliseconds within which this share of them was over.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    pub fn quantile(&self, share: f64) -> f64 {
        let index = ((self.sorted.len() as f64 * share) as usize).min(self.sorted.len().saturating_sub(1));
        self.sorted.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_times() {
        let times = (1..=100).rev().map(Duration::from_millis).collect();
        let sample = Sample::new(times, Duration::from_secs(2));
        assert!((sample.quantile(0.5) - 51.0).abs() < 0.01);
        assert!((sample.quantile(0.99) - 100.0).abs() < 0.01);
        assert!((sample.rate() - 50.0).abs() < 0.01);
        assert!(Sample::default().quantile(0.5).abs() < 0.01);
    }
}
