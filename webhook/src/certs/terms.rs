//! How long certificates last, and when it is time for the next.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::jitter;

/// Certificates hold from this long before they are made: for clocks that are behind ours.
pub const BACKDATED: SignedDuration = SignedDuration::from_hours(24);

/// How long API servers call by one path, as long as its certificate is not renewed before.
const PATH: SignedDuration = SignedDuration::from_hours(24);

/// The lifetimes, as the administrator set them.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    certificate: SignedDuration,
    authority: SignedDuration,
    overlap: SignedDuration,
    /// This replica's share, between 0 and 1000, of the time by which replicas renew later than the earliest could.
    jitter: i32,
}

/// Lifetimes that do not go together.
#[derive(Debug, thiserror::Error)]
#[error("--ca-lifetime must be at least four times --certificate-lifetime, or a certificate would outlive its CA")]
pub struct TermsError;

impl Terms {
    /// These lifetimes, with a jitter of this replica's own.
    pub fn new(
        certificate: SignedDuration,
        authority: SignedDuration,
        overlap: SignedDuration,
    ) -> Result<Self, TermsError> {
        let thousandths = jitter::below(Duration::from_micros(1000)).as_micros();
        Self::with_jitter(certificate, authority, overlap, i32::try_from(thousandths).unwrap_or_default())
    }

    /// These lifetimes, with that jitter of a thousand.
    pub fn with_jitter(
        certificate: SignedDuration,
        authority: SignedDuration,
        overlap: SignedDuration,
        jitter: i32,
    ) -> Result<Self, TermsError> {
        if authority < certificate.saturating_mul(4) {
            return Err(TermsError);
        }
        Ok(Self { certificate, authority, overlap, jitter })
    }

    /// Lifetimes for tests that have no opinion.
    #[cfg(test)]
    #[allow(clippy::expect_used, reason = "tests")]
    pub fn usual() -> Self {
        let day = SignedDuration::from_hours(24);
        Self::with_jitter(90 * day, 3600 * day, SignedDuration::from_mins(5), 0).expect("terms")
    }

    /// How long the server's certificate lasts.
    pub fn certificate(&self) -> SignedDuration {
        self.certificate
    }

    /// How long a CA lasts.
    pub fn authority(&self) -> SignedDuration {
        self.authority
    }

    /// How long API servers get to learn of a change in whom to trust.
    pub fn overlap(&self) -> SignedDuration {
        self.overlap
    }

    /// When to renew a server's certificate that ends then.
    pub fn renewal(&self, ends: Timestamp) -> Timestamp {
        self.ahead(self.certificate, ends)
    }

    /// When to replace a CA that ends then: while it still outlives any certificate that it signs.
    pub fn replacement(&self, ends: Timestamp) -> Timestamp {
        self.ahead(self.authority, ends)
    }

    /// When to call by another path, when the certificate that was made with the present one begins then.
    pub fn another_path(&self, begins: Timestamp) -> Timestamp {
        let later = PATH / 10_000 * self.jitter;
        begins.checked_add(BACKDATED + PATH + later).unwrap_or(Timestamp::MAX)
    }

    /// A third of the lifetime before the end, or up to a tenth of that third later, so that not all replicas do it at once.
    fn ahead(&self, lifetime: SignedDuration, ends: Timestamp) -> Timestamp {
        let third = lifetime / 3;
        let later = third / 10_000 * self.jitter;
        ends.checked_sub(third - later).unwrap_or(Timestamp::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    #[test]
    fn renewal_comes_a_third_before_the_end_and_replicas_differ() {
        let ends: Timestamp = "2026-04-01T00:00:00Z".parse().expect("a time");
        let at =
            |jitter| Terms::with_jitter(90 * DAY, 360 * DAY, DAY, jitter).expect("terms").renewal(ends).to_string();
        assert_eq!(at(0), "2026-03-02T00:00:00Z");
        assert_eq!(at(500), "2026-03-03T12:00:00Z");
        let one = |_| Terms::new(90 * DAY, 360 * DAY, DAY).expect("terms").renewal(ends);
        assert!((0..20).map(one).any(|renewal| renewal != one(0)));
    }

    #[test]
    fn a_certificate_never_outlives_its_authority() {
        assert!(Terms::new(90 * DAY, 359 * DAY, DAY).is_err());
        let terms = Terms::with_jitter(90 * DAY, 360 * DAY, DAY, 999).expect("terms");
        let ends: Timestamp = "2027-01-01T00:00:00Z".parse().expect("a time");
        assert!(ends.duration_since(terms.replacement(ends)) > 90 * DAY);
    }
}
