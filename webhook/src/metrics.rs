//! What the webhook counts about itself. docs/metrics.md says what each is for.

mod load;
mod process;

use std::{sync::Mutex, time::Duration};

pub use load::Load;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::{ledger, policy};

/// Counters and histograms, with the registry that prints them.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Request, Counter>,
    findings: Family<Rule, Counter>,
    seconds: Family<Phase, Histogram>,
    certificate_ends: Gauge,
    policy: policy::Series,
    load: Load,
    ledgers: ledger::Series,
}

/// One kind of request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    /// `mutate` or `validate`.
    pub phase: &'static str,
    /// The object's kind, `other` for kinds that no rule knows.
    pub kind: String,
    /// CREATE, UPDATE, …
    pub operation: &'static str,
    /// `allowed`, `patched`, `denied`, `refused` (quota) or `failed`.
    pub verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rule {
    code: &'static str,
    severity: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

impl Metrics {
    /// Starts at zero.
    pub fn new() -> Self {
        let mut root = Registry::default();
        root.register_collector(Box::new(process::Process));
        let registry = root.sub_registry_with_prefix("backup_webhook");
        let (build, load) = (Family::<Build, Gauge>::default(), Load::default());
        build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("build_info", "Always 1; the version is in the label", build);
        load.register(registry);
        let requests = Family::default();
        let findings = Family::default();
        // From a quarter of a millisecond to about four seconds.
        let seconds =
            Family::new_with_constructor((|| Histogram::new(exponential_buckets(0.000_25, 2.0, 15))) as fn() -> _);
        registry.register("requests", "Admission requests by what became of them", requests.clone());
        registry.register("findings", "Findings by rule", findings.clone());
        registry.register("request_duration_seconds", "Time to answer an admission request", seconds.clone());
        let certificate_ends = Gauge::default();
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the certificate in use ends, in seconds since 1970",
            certificate_ends.clone(),
        );
        let policy = policy::Series::new(registry);
        let ledgers = ledger::Series::new(registry);
        Self { registry: Mutex::new(root), requests, findings, seconds, certificate_ends, policy, ledgers, load }
    }

    /// How busy the server is.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// Where the end of the certificate in use is told.
    pub fn certificate_ends(&self) -> Gauge {
        self.certificate_ends.clone()
    }

    /// What is counted about the policy.
    pub fn policy(&self) -> policy::Series {
        self.policy.clone()
    }

    /// What is counted about the quotas.
    pub fn ledgers(&self) -> ledger::Series {
        self.ledgers.clone()
    }

    /// Counts an answered request.
    pub fn answered(&self, request: &Request, took: Duration) {
        self.seconds.get_or_create(&Phase { phase: request.phase }).observe(took.as_secs_f64());
        self.requests.get_or_create(request).inc();
    }

    /// Counts what a rule found.
    pub fn found(&self, finding: &backup_policy::Finding) {
        let severity = match finding.severity {
            backup_policy::Severity::Deny => "deny",
            backup_policy::Severity::Warn => "warn",
            backup_policy::Severity::Audit => "audit",
            backup_policy::Severity::Off => "off",
        };
        self.findings.get_or_create(&Rule { code: finding.code, severity }).inc();
    }

    /// The OpenMetrics text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        // A panic while printing leaves the registry as it was: it is only read.
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}
