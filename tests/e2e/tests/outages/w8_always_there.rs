//! W8: no create fails, whatever is done to replicas and certificates; a crash costs what was being answered.

use std::time::{Duration, Instant};

use e2e_tests::{Traffic, until};
use serde_json::json;

use crate::system::{System, TWO_MINUTES};

/// Creates that must be answered after all is over, so that what comes late is seen.
const AFTERWARDS: usize = 200;

/// What is announced is not used before.
const OVERLAP: Duration = Duration::from_secs(5);

#[test]
fn w8_a_rolling_restart_fails_no_create() {
    let system = System::take();
    let handed = system.handed();
    let traffic = Traffic::start(&system.cluster, 2);
    system.restart();
    traffic.wait_for(AFTERWARDS);
    traffic.stop().none_failed("a rolling restart");
    system.handed_since(&handed);
}

/// An API server does not repeat a call whose connection broke after it was sent, nor one that was refused: what the killed
/// process was answering is lost, or what is sent to its address before that is out of the Service. After that nothing is.
#[test]
fn w8_a_killed_replica_costs_only_what_it_was_answering() {
    let system = System::take();
    let traffic = Traffic::start(&system.cluster, 2);
    let mut times = Vec::new();
    for _ in 0..2 {
        let killed = Instant::now();
        let pod = system.kill_one();
        let restarted = || {
            system.kubectl(&["get", "pod", &pod, "-o", "jsonpath={.status.containerStatuses[0].restartCount}"]) != "0"
        };
        until("the container is started again", TWO_MINUTES, restarted);
        system.all_ready();
        times.push((killed, Instant::now()));
        traffic.wait_for(AFTERWARDS);
        system.kubectl(&["delete", "pod", &pod]);
        system.all_ready();
    }
    traffic.stop().only_cut_off("two replicas killed", &times);
}

#[test]
fn w8_a_changed_policy_fails_no_create() {
    let system = System::take();
    let cluster = &system.cluster;
    let policy = |spec: serde_json::Value| {
        let metadata = json!({"name": "default"});
        json!({"apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": metadata, "spec": spec})
            .to_string()
    };
    let handed = system.handed();
    let traffic = Traffic::start(cluster, 2);
    for n in 0..10 {
        let severity = ["Warn", "Deny", "Audit", "Off"][n % 4];
        let changed = json!({
            "quotas": [
                {"resource": "volumesnapshots.snapshot.storage.k8s.io", "limit": 10 + n},
                {"resource": "schedules.velero.io", "limit": 3 + n},
            ],
            "rules": {"BKP109": severity},
        });
        cluster.try_apply(&policy(changed)).ok();
        let seen = format!("jsonpath={{.status.observedGeneration}}={}", n + 1);
        cluster.wait_for("default", "backuppolicy/default", &seen, 120);
        traffic.wait_for(20);
    }
    // A quota that is taken out and put back has a new ledger, which puts creates off for a minute: so that is not tried.
    cluster.kubectl(&["delete", "backuppolicy", "default"]);
    traffic.wait_for(AFTERWARDS);
    traffic.stop().none_failed("a policy changed ten times, and deleted");
    system.handed_since(&handed);
}

#[test]
fn w8_new_certificates_and_a_new_authority_fail_no_create() {
    let system = System::take();
    system.set_arguments(&[&format!("--ca-overlap={}s", OVERLAP.as_secs())]);
    let (certificate, authority) = (system.in_secret("tls.crt"), system.in_secret("ca.crt"));
    let handed = system.handed();
    let traffic = Traffic::start(&system.cluster, 2);
    let wish = |what: &str| {
        system.kubectl(&["annotate", "secret", "backup-webhook-tls", &format!("kubectl-backup.dev/rotate={what}")]);
    };
    wish("certificate");
    until("the certificate is renewed", TWO_MINUTES, || system.in_secret("tls.crt") != certificate);
    let path = system.in_secret("path");
    let wished = Instant::now();
    wish("path");
    // It is announced for a moment only.
    let is_announced = || !system.in_secret("next-path").is_empty() || system.in_secret("path") != path;
    until("another path is announced", TWO_MINUTES, is_announced);
    until("the path is another", TWO_MINUTES, || system.in_secret("path") != path);
    assert!(wished.elapsed() >= OVERLAP, "all replicas had time to learn of it");
    until("the path before is dropped", TWO_MINUTES, || system.in_secret("previous-path").is_empty());
    wish("ca");
    until("the authority is another", TWO_MINUTES, || system.in_secret("ca.crt") != authority);
    until("the one before is dropped", TWO_MINUTES, || system.in_secret("previous-ca.crt").is_empty());
    let told = || {
        let path = "jsonpath={.webhooks[*].clientConfig.caBundle}";
        let told = system.kubectl(&["get", "validatingwebhookconfiguration", "backup-webhook", "-o", path]);
        let authority = system.in_secret("ca.crt");
        told.split(' ').all(|told| told == authority)
    };
    until("API servers are told of the new one only", TWO_MINUTES, told);
    traffic.wait_for(AFTERWARDS);
    traffic.stop().none_failed("a new certificate and a new authority");
    system.handed_since(&handed);
}

/// All replicas change over to a clock that is an hour ahead, then to one that is an hour behind, and renew everything. The clock is
/// the process's own (`--clock-offset`): a pod has none but its node's.
#[test]
fn w8_an_hour_of_clock_skew_fails_no_create() {
    let system = System::take();
    let handed = system.handed();
    let traffic = Traffic::start(&system.cluster, 2);
    for offset in ["1h", "-1h"] {
        let authority = system.in_secret("ca.crt");
        system.set_arguments(&["--ca-overlap=5s", &format!("--clock-offset={offset}")]);
        system.kubectl(&["annotate", "secret", "backup-webhook-tls", "kubectl-backup.dev/rotate=ca"]);
        until("the authority is another", TWO_MINUTES, || system.in_secret("ca.crt") != authority);
        until("the one before is dropped", TWO_MINUTES, || system.in_secret("previous-ca.crt").is_empty());
    }
    system.set_arguments(&["--ca-overlap=5s"]);
    traffic.wait_for(AFTERWARDS);
    traffic.stop().none_failed("clocks that are off by an hour");
    system.handed_since(&handed);
}
