//! Chance, so that replicas do not step on each other's toes for ever.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// A time up to this one, by chance.
pub fn below(most: Duration) -> Duration {
    // The standard library seeds each of these at random, and nothing here is a secret.
    let chance = RandomState::new().build_hasher().finish();
    let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(chance.checked_rem(micros.saturating_add(1)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_differ_and_stay_below() {
        let most = Duration::from_millis(50);
        let times: Vec<_> = (0..50).map(|_| below(most)).collect();
        assert!(times.iter().all(|time| *time <= most));
        assert!(times.iter().any(|time| *time != times[0]));
        assert_eq!(below(Duration::ZERO), Duration::ZERO);
    }
}
