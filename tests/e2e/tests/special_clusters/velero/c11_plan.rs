//! Plans of the policy: retention and lock of a backup, which the webhook then keeps.

use std::time::Duration;

use e2e_tests::until;
use serde_json::json;

use super::{Guarded, backup, cluster};

fn with_plans(guarded: &Guarded) {
    let policy = json!({
        "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {
            "defaults": {"labels": {"in-force": "yes"}},
            "plans": [
                {"name": "nightly", "schedule": "0 3 * * *", "ttl": "720h", "lock": "168h"},
                {"name": "tight", "schedule": "0 3 * * *", "ttl": "2h", "lock": "2h"},
            ],
        },
    });
    guarded.cluster.create(&policy.to_string());
    until("the policy is followed", Duration::from_secs(120), || in_force(guarded));
}

fn in_force(guarded: &Guarded) -> bool {
    let create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
    let new = backup("new", json!({})).to_string();
    guarded.cluster.try_kubectl_with(&create, &new).ok().json()["metadata"]["labels"].get("in-force").is_some()
}

#[test]
fn c11_a_backup_of_a_plan_is_kept_and_locked_as_the_plan_says() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    with_plans(&guarded);
    let create = |name: &str, more: &[&str]| {
        cluster.plugin(&[&["create", name, "--namespaces", "default", "--volumes", "none"], more].concat())
    };
    create("planned", &["--plan", "hourly"]).ends_with(2).says("The plans there are: nightly, tight");
    let short = ["--plan", "nightly", "--retention", "100h"];
    create("planned", &short).ends_with(3).says("of plan \"nightly\", 168h0m0s").says("BKP353");
    let run =
        create("planned", &["--plan", "nightly"]).ok().says("Plan \"nightly\": kept for 720h0m0s, locked for 168h0m0s");
    assert!(!run.stderr.contains("nothing keeps the lock"), "{}", run.stderr);
    let get = ["get", "backup.velero.io", "planned", "-n", "velero", "-o", "json"];
    let planned = cluster.try_kubectl(&get).ok().json();
    assert_eq!(planned["spec"]["ttl"], "720h0m0s");
    assert_eq!(planned["metadata"]["labels"]["kubectl-backup.dev/plan"], "nightly");
    assert_eq!(planned["metadata"]["annotations"]["kubectl-backup.dev/lock-for"], "168h0m0s");
    let told = cluster.plugin(&["describe", "planned"]).ok().stdout;
    let lock = told.lines().find(|line| line.contains("), by its annotation"));
    let end = lock.and_then(|lock| lock.split("until ").nth(1)?.split(' ').next()).unwrap_or_else(|| panic!("{told}"));
    let start = planned["status"]["startTimestamp"].as_str().unwrap();
    assert_eq!(start.split_once('T').unwrap().1, end.split_once('T').unwrap().1, "from {start} until {end}");

    // The webhook takes the plan whose retention is as long as its lock.
    let ttl = |more: &[&str]| {
        let dry = ["--dry-run=server", "-o", "json"];
        create("tight", &[more, &dry].concat()).ok().json()["spec"].get("ttl").cloned()
    };
    assert_eq!(ttl(&["--plan", "tight"]), Some(json!("2h0m0s")));
    assert_eq!(ttl(&["--lock", "24h", "--retention", "24h"]), Some(json!("24h0m0s")));
    // What nobody says is left to Velero's server where that is enough: its own may be longer.
    assert_eq!(ttl(&["--lock", "24h"]), None);
    assert_eq!(ttl(&["--lock", "1000h"]), Some(json!("1001h0m0s")), "by the webhook");

    // Of several none is deleted.
    create("open", &[]).ok();
    let refused = format!("\"planned\": it is locked until {end}; nothing was deleted");
    cluster.plugin(&["delete", "open", "planned", "--yes"]).ends_with(1).says(&refused);
    cluster.plugin(&["delete", "planned", "--dry-run=server"]).ends_with(1).says(&refused);
    cluster.kubectl(&["get", "backups.velero.io", "open", "planned", "-n", "velero"]);
    cluster.plugin(&["delete", "open", "--yes"]).ok();
    guarded.forget_policy(|| in_force(&guarded));
}
