//! What the probes and the API server are told of this process.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::FutureExt as _;

/// What is told of a process that only a new one can replace.
pub const BROKEN: &str = "a part of this process has failed";

/// Works for a part that others wait for, whose name is for the log. A fault in it must not stay unnoticed: a policy would stay in
/// force for ever, or every create of a resource be told to try again.
pub async fn watched(part: impl AsRef<str>, work: impl Future<Output = ()>, health: Arc<Health>) {
    if AssertUnwindSafe(work).catch_unwind().await.is_err() {
        tracing::error!(part = part.as_ref(), "a part has failed; this process has to be started anew");
        health.set_broken();
    }
}

/// The same for one that is to work as long as the process does.
pub async fn endless(part: &'static str, work: impl Future<Output = ()>, health: Arc<Health>) {
    watched(part, work, Arc::clone(&health)).await;
    if !health.is_broken() {
        tracing::error!(part, "a part has ended; this process has to be started anew");
        health.set_broken();
    }
}

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
            Some(BROKEN)
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
    use super::*;

    #[tokio::test]
    async fn a_part_that_fails_makes_the_process_unhealthy() {
        let health = Arc::<Health>::default();
        watched("r", async {}, Arc::clone(&health)).await;
        assert!(!health.is_broken());
        watched("r", async { panic!("as a fault would") }, Arc::clone(&health)).await;
        assert!(health.is_broken());
        assert_eq!(health.not_ready(), Some(BROKEN));
    }

    #[tokio::test]
    async fn a_part_that_is_not_to_end_must_neither_end_nor_fail() {
        let health = Arc::<Health>::default();
        let works = tokio::spawn(endless("r", std::future::pending(), Arc::clone(&health)));
        tokio::task::yield_now().await;
        assert!(!health.is_broken());
        works.abort();
        assert!(works.await.is_err() && !health.is_broken(), "whoever stops it knows");
        endless("r", async {}, Arc::clone(&health)).await;
        assert!(health.is_broken());
    }

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
