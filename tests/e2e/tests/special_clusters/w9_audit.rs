//! W9: what the webhook decided stands in the API servers' audit log.

use std::{fs, time::Duration};

use e2e_tests::until;
use serde_json::{Value, json};

use super::{
    quota::wait_for_slots,
    webhook::{Guarded, cluster},
};

const SOON: Duration = Duration::from_secs(60);

/// The annotations of the create of that object in the audit log.
fn annotations(guarded: &Guarded, resource: &str, name: &str) -> Value {
    let path = guarded.cluster.cluster().log("kube-apiserver-audit");
    let mut found = Value::Null;
    // The log is written a moment after the answer, and its last line may not be complete yet.
    until("the create is in the audit log", SOON, || {
        let log = fs::read_to_string(&path).unwrap_or_default();
        let mut entries = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let its = |entry: &Value| {
            let about = &entry["objectRef"];
            // kubectl comes back when it is told to try again.
            let is_last = entry["stage"] == "ResponseComplete" && entry["responseStatus"]["code"] != 429;
            is_last && about["resource"] == resource && about["name"] == name
        };
        entries.find(its).is_some_and(|entry| {
            found = entry["annotations"].clone();
            true
        })
    });
    found
}

#[test]
fn w9_the_audit_log_says_why_a_create_was_refused() {
    let guarded = cluster();
    wait_for_slots(&guarded, 0);
    for n in 1..=10 {
        guarded.snapshot(&format!("audited-{n}"), "disk").ok();
    }
    let granted = annotations(&guarded, "volumesnapshots", "audited-10");
    assert_eq!(granted["quota.kubectl-backup.dev/decision"], "allowed", "{granted}");
    guarded.snapshot("audited-11", "disk").ends_with(1).says("10/10 used");
    let refused = annotations(&guarded, "volumesnapshots", "audited-11");
    assert_eq!(refused["quota.kubectl-backup.dev/decision"], "refused", "{refused}");

    let wrong = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "audited-wrong", "namespace": "default", "annotations": {"backup.velero.io/backup-volumes": "a, b"}},
        "spec": {"containers": [{"name": "c", "image": "none"}]},
    });
    guarded.cluster.try_create(&wrong.to_string()).ends_with(1).says("BKP101");
    let denied = annotations(&guarded, "pods", "audited-wrong");
    let findings = denied["volumes.kubectl-backup.dev/findings"].as_str().unwrap_or_default();
    assert!(findings.split(',').any(|code| code == "BKP101"), "{denied}");
}
