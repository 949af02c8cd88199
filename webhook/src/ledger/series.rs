//! The counters and gauges of all ledgers.

use std::time::Duration;

use backup_ledger::{Proof, Replica, WriteOutcome};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::decision::Decision;

/// The counters and gauges of all ledgers.
#[derive(Debug, Clone)]
pub struct Series {
    slots: Family<Quota, Gauge>,
    limit: Family<Quota, Gauge>,
    pending: Family<Quota, Gauge>,
    over: Family<Quota, Gauge>,
    ready: Family<Quota, Gauge>,
    kept: Family<Quota, Gauge>,
    waiting: Family<Quota, Gauge>,
    claims: Family<Claim, Counter>,
    seconds: Family<Quota, Histogram, fn() -> Histogram>,
    phases: Family<Phase, Histogram, fn() -> Histogram>,
    requests: Family<Request, Histogram, fn() -> Histogram>,
    writes: Family<Write, Counter>,
    handed: Family<Write, Counter>,
    adopted: Family<Quota, Counter>,
    released: Family<Release, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Quota {
    resource: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Claim {
    resource: String,
    decision: &'static str,
}

/// A part of a claim's time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    resource: String,
    phase: &'static str,
}

/// What an API server was asked for, on behalf of claims.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    resource: String,
    request: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    resource: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Release {
    resource: String,
    proof: &'static str,
}

impl Series {
    /// Starts at zero, in this registry.
    pub fn new(registry: &mut Registry) -> Self {
        // From half a millisecond to about four seconds.
        let seconds = || Histogram::new(exponential_buckets(0.000_5, 2.0, 14));
        let new = Self {
            slots: Family::default(),
            limit: Family::default(),
            pending: Family::default(),
            over: Family::default(),
            ready: Family::default(),
            kept: Family::default(),
            waiting: Family::default(),
            claims: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            phases: Family::new_with_constructor(seconds),
            requests: Family::new_with_constructor(seconds),
            writes: Family::default(),
            handed: Family::default(),
            adopted: Family::default(),
            released: Family::default(),
        };
        let gauges = [
            ("quota_slots", "Slots taken in the cluster", &new.slots),
            ("quota_limit", "Slots there are", &new.limit),
            ("quota_pending_slots", "Slots taken by creates whose outcome is not known", &new.pending),
            ("quota_over_limit_slots", "Slots taken beyond the limit", &new.over),
            ("quota_ready", "Whether claims are decided (1) or the ledger is being set up (0)", &new.ready),
            (
                "quota_kept",
                "Whether the limit is kept (1): API servers ask about every create, and claims are decided",
                &new.kept,
            ),
            ("quota_waiting_claims", "Claims in this replica that wait for their answer", &new.waiting),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        registry.register("quota_claims", "Claims by decision", new.claims.clone());
        registry.register("quota_claim_duration_seconds", "Time to decide a claim", new.seconds.clone());
        let help = "Time of granted claims until their write of the ledger began (wait), and in it (store)";
        registry.register("quota_claim_phase_seconds", help, new.phases.clone());
        let help =
            "Time of the API servers' answers to what claims need: read and write of the ledger, look at objects";
        registry.register("quota_request_duration_seconds", help, new.requests.clone());
        registry.register("quota_ledger_writes", "Writes of the ledger by outcome", new.writes.clone());
        let help = "Claims that were handed to the replica that writes the ledger, by outcome";
        registry.register("quota_handed_claims", help, new.handed.clone());
        let help = "Objects that nobody had claimed: made without the webhook being asked, or unrecorded by accounts never refused";
        registry.register("quota_adopted_objects", help, new.adopted.clone());
        registry.register("quota_released_objects", "Objects that left their slots, by proof", new.released.clone());
        new
    }

    /// A claim was decided.
    pub fn decided(&self, resource: &str, decision: &Decision, took: Duration) {
        let decision = match decision {
            Decision::Admitted => "admitted",
            Decision::Full { .. } => "full",
            Decision::Exists => "exists",
            Decision::Later { .. } => "later",
        };
        self.claims.get_or_create(&Claim { resource: resource.to_owned(), decision }).inc();
        self.seconds.get_or_create(&quota(resource)).observe(took.as_secs_f64());
    }

    /// A claim was granted after it had waited for its write of the ledger, and for that to be stored.
    pub fn granted(&self, resource: &str, wait: Duration, store: Duration) {
        for (phase, time) in [("wait", wait), ("store", store)] {
            let phase = Phase { resource: resource.to_owned(), phase };
            self.phases.get_or_create(&phase).observe(time.as_secs_f64());
        }
    }

    /// An API server answered.
    pub fn answered(&self, resource: &str, request: &'static str, took: Duration) {
        let request = Request { resource: resource.to_owned(), request };
        self.requests.get_or_create(&request).observe(took.as_secs_f64());
    }

    /// A write of the ledger ended.
    pub fn wrote(&self, resource: &str, outcome: &WriteOutcome) {
        let outcome = match outcome {
            WriteOutcome::Committed(_) => "committed",
            WriteOutcome::Conflict => "conflict",
            WriteOutcome::Unknown => "unknown",
        };
        self.writes.get_or_create(&Write { resource: resource.to_owned(), outcome }).inc();
    }

    /// A quota begins: what is counted by outcomes is there from the start, so that a first failure shows as an increase.
    pub fn begins(&self, resource: &str) {
        for outcome in ["decided", "unreachable", "undecided", "late", "busy"] {
            drop(self.handed.get_or_create(&Write { resource: resource.to_owned(), outcome }));
        }
    }

    /// A claim was handed to another replica.
    pub fn handed(&self, resource: &str, outcome: &'static str) {
        self.handed.get_or_create(&Write { resource: resource.to_owned(), outcome }).inc();
    }

    /// An object was adopted.
    pub fn adopted(&self, resource: &str) {
        self.adopted.get_or_create(&quota(resource)).inc();
    }

    /// An object left its slot.
    pub fn released(&self, resource: &str, proof: Proof) {
        let proof = match proof {
            Proof::Deleted => "deleted",
            Proof::Absent => "absent",
            Proof::Expired => "expired",
        };
        self.released.get_or_create(&Release { resource: resource.to_owned(), proof }).inc();
    }

    /// How things stand.
    pub fn stand(&self, resource: &str, limit: u32, ready: bool, replica: &Replica) {
        let set = |family: &Family<Quota, Gauge>, value: usize| {
            family.get_or_create(&quota(resource)).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        let slots = replica.copy().map_or(0, |copy| copy.status.slots.len());
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        set(&self.slots, slots);
        set(&self.limit, limit);
        set(&self.pending, replica.copy().map_or(0, |copy| copy.status.pending_only().count()));
        set(&self.over, slots.saturating_sub(limit));
        set(&self.ready, usize::from(ready));
        set(&self.waiting, replica.waiting());
        // A series that must stay at zero has to be there.
        drop(self.adopted.get_or_create(&quota(resource)));
        for proof in ["deleted", "absent", "expired"] {
            drop(self.released.get_or_create(&Release { resource: resource.to_owned(), proof }));
        }
    }

    /// Whether the limit is kept.
    pub fn kept(&self, resource: &str, kept: bool) {
        self.kept.get_or_create(&quota(resource)).set(i64::from(kept));
    }

    /// The quota is no more.
    pub fn forget(&self, resource: &str) {
        let quota = quota(resource);
        for family in [&self.slots, &self.limit, &self.pending, &self.over, &self.ready, &self.kept, &self.waiting] {
            family.remove(&quota);
        }
    }
}

fn quota(resource: &str) -> Quota {
    Quota { resource: resource.to_owned() }
}
