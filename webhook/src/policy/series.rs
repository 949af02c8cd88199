//! What is counted about the policy.

use std::sync::atomic::AtomicI64;

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::judge::{InForce, Report};

/// The policy's metrics.
#[derive(Debug, Clone, Default)]
pub struct Series {
    seen: Gauge<i64, AtomicI64>,
    in_force: Gauge<i64, AtomicI64>,
    usable: Gauge<i64, AtomicI64>,
    missing: Gauge<i64, AtomicI64>,
    confirmed: Gauge<i64, AtomicI64>,
    changes: Counter,
    errors: Family<Error, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Error {
    reason: &'static str,
}

impl Series {
    /// Starts at zero.
    pub fn new(registry: &mut Registry) -> Self {
        let series = Self::default();
        registry.register(
            "policy_generation_seen",
            "Generation of the BackupPolicy as it stands; 0 when there is none",
            series.seen.clone(),
        );
        registry.register(
            "policy_generation_in_force",
            "Generation of the BackupPolicy that requests are answered by; 0 for the built-in values",
            series.in_force.clone(),
        );
        registry.register(
            "policy_usable",
            "1 when the BackupPolicy as it stands is in force or there is none, 0 when an older one is kept",
            series.usable.clone(),
        );
        registry.register(
            "policy_missing",
            "1 while a BackupPolicy that is not there any more is kept in force, until it is certain that it is gone",
            series.missing.clone(),
        );
        registry.register(
            "policy_confirmed_timestamp_seconds",
            "When it was last certain that what is in force is what the cluster has, in seconds since 1970",
            series.confirmed.clone(),
        );
        registry.register("policy_changes", "How often another configuration was put in force", series.changes.clone());
        registry.register(
            "policy_errors",
            "Policies that could not be used (invalid), and failures to read the policy (unreadable) or to write its status (status)",
            series.errors.clone(),
        );
        // What has not happened yet is there as 0, so that its first time is a step.
        for reason in ["invalid", "unreadable", "status"] {
            drop(series.errors.get_or_create(&Error { reason }));
        }
        series
    }

    /// Another state of the policy was judged.
    pub fn judged(&self, state: &InForce, changed: bool, now: Timestamp) {
        let seen = match &state.report {
            Report::Absent | Report::Missing { .. } => 0,
            Report::Used { generation, .. } | Report::Refused { generation, .. } => *generation,
        };
        self.seen.set(seen);
        self.in_force.set(state.source.as_ref().map_or(0, |source| source.generation));
        let refused = matches!(state.report, Report::Refused { .. });
        let missing = matches!(state.report, Report::Missing { .. });
        self.usable.set(i64::from(!refused && !missing));
        self.missing.set(i64::from(missing));
        if refused {
            self.failed("invalid");
        } else if !missing {
            self.confirmed(now);
        }
        if changed {
            self.changes.inc();
        }
    }

    /// What is in force was found to be what the cluster has, at this time.
    pub fn confirmed(&self, now: Timestamp) {
        self.confirmed.set(now.as_second());
    }

    /// Something about the policy went wrong.
    pub fn failed(&self, reason: &'static str) {
        self.errors.get_or_create(&Error { reason }).inc();
    }
}
