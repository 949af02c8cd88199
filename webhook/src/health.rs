//! What the probes and the API server are told of this process.

use std::sync::atomic::{AtomicBool, Ordering};

/// The states that readiness is made of.
#[derive(Debug, Default)]
pub struct Health {
    certificate: AtomicBool,
    policy: AtomicBool,
    ledgers: AtomicBool,
    draining: AtomicBool,
    broken: AtomicBool,
}

impl Health {
    /// A certificate is loaded, and the API server was told whom to trust.
    pub fn set_certificate(&self) {
        self.certificate.store(true, Ordering::Release);
    }

    /// The policy was read, or it is certain that there is none.
    pub fn set_policy(&self) {
        self.policy.store(true, Ordering::Release);
    }

    /// Every quota's ledger was read once.
    pub fn set_ledgers(&self) {
        self.ledgers.store(true, Ordering::Release);
    }

    /// The process is about to stop.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// A part that others wait for has ended by a fault of its own; only a new process helps.
    pub fn set_broken(&self) {
        self.broken.store(true, Ordering::Release);
    }

    /// Whether this process is past help.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Whether the process is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Why requests should go elsewhere, if they should.
    pub fn not_ready(&self) -> Option<&'static str> {
        if self.is_draining() {
            Some("shutting down")
        } else if self.is_broken() {
            Some("a quota's task has failed")
        } else if !self.certificate.load(Ordering::Acquire) {
            Some("no certificate yet")
        } else if !self.policy.load(Ordering::Acquire) {
            Some("the policy could not be read yet")
        } else if !self.ledgers.load(Ordering::Acquire) {
            Some("the quotas' ledgers could not be read yet")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Health;

    #[test]
    fn ready_means_a_certificate_a_policy_ledgers_and_no_stop_in_sight() {
        let health = Health::default();
        assert_eq!(health.not_ready(), Some("no certificate yet"));
        health.set_certificate();
        assert_eq!(health.not_ready(), Some("the policy could not be read yet"));
        health.set_policy();
        assert_eq!(health.not_ready(), Some("the quotas' ledgers could not be read yet"));
        health.set_ledgers();
        assert_eq!(health.not_ready(), None);
        health.set_draining();
        assert_eq!(health.not_ready(), Some("shutting down"));
    }
}
