//! C12: a lock is written, shown and warned of, also where no webhook keeps it.

use e2e_tests::TestCluster;
use serde_json::{Value, json};

fn stored(cluster: &TestCluster, name: &str) -> Value {
    let text = cluster.kubectl(&["get", "backups.velero.io", "-n", "velero", name, "-o", "json"]);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn c12_a_lock_without_a_plan_is_written_and_shown() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c12");
    let name = shop.name();
    let create = ["create", name, "--namespaces", name, "--lock", "24h"];
    let dry = cluster.plugin(&[&create[..], &["--dry-run=client", "-o", "json"]].concat()).ok().json();
    assert!(dry["metadata"]["annotations"]["kubectl-backup.dev/locked-until"].is_string(), "{dry}");
    assert_eq!(dry["spec"]["ttl"], "720h0m0s");
    cluster.try_kubectl(&["get", "backups.velero.io", "-n", "velero", name]).ends_with(1);

    let run = cluster.plugin(&create).ok();
    let backup = stored(&cluster, name);
    let until = backup["metadata"]["annotations"]["kubectl-backup.dev/locked-until"].as_str().unwrap().to_owned();
    let run = run.says(&format!("locked until {until}")).says("nothing keeps the lock");
    assert!(!run.stderr.contains("Plan"), "{}", run.stderr);
    assert_eq!(backup["spec"]["ttl"], "720h0m0s");
    assert_eq!(backup["metadata"]["labels"].get("kubectl-backup.dev/plan"), None);

    let list = cluster.plugin(&["list", name, "-o", "wide"]).ok().stdout;
    assert!(list.contains("LOCKED-UNTIL") && list.contains(&until), "{list}");
    let text = cluster.plugin(&["describe", name]).ok().stdout;
    assert!(text.contains(&format!("until {until} (")), "{text}");
    assert!(text.contains("by its annotation kubectl-backup.dev/locked-until="), "{text}");

    // Nothing keeps locks here: the lock is told, and does not bind.
    let locked = format!("is locked until {until}");
    cluster.plugin(&["delete", name, "--dry-run=client"]).ok().says(&locked).says("nobody but exempt accounts");
    cluster.plugin(&["delete", name, "--yes"]).ok().says(&locked).says("the server lets you delete it");
}

#[test]
fn c12_what_is_kept_for_less_time_than_it_is_locked_is_not_made() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c12");
    let name = shop.name();
    let create = ["create", name, "--namespaces", name, "--lock"];
    let run = cluster.plugin(&[&create[..], &["24h", "--retention", "23h"]].concat()).ends_with(3);
    run.says("--retention 23h0m0s is shorter than the deletion lock, 24h0m0s").says("[BKP353]");
    cluster.plugin(&[&create[..], &["1d"]].concat()).ends_with(2).says("write hours, minutes and seconds");
    cluster.plugin(&[&create[..], &["30m"]].concat()).ends_with(2).says("at least 1h");
    cluster.try_kubectl(&["get", "backups.velero.io", "-n", "velero", name]).ends_with(1);
}

#[test]
fn c12_a_schedules_lock_is_told_as_such() {
    let cluster = TestCluster::control_plane();
    let marker = cluster.namespace("c12");
    let name = marker.name();
    let lock = json!({"kubectl-backup.dev/lock-for": "24h"});
    let object = |kind: &str, labels: Value, spec: Value, status: Value| {
        let metadata = json!({"name": name, "namespace": "velero", "annotations": lock, "labels": labels});
        json!({"apiVersion": "velero.io/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": status})
            .to_string()
    };
    // Paused, so that Velero makes nothing of it.
    let spec = json!({"schedule": "0 3 1 1 *", "paused": true, "template": {}});
    cluster.create(&object("Schedule", json!({}), spec, json!({})));
    let of_schedule = json!({"velero.io/schedule-name": name});
    cluster.create(&object("Backup", of_schedule, json!({}), json!({"phase": "Completed"})));
    let told = || cluster.plugin(&["describe", name]).ok().stdout;
    let its = format!("by the annotation kubectl-backup.dev/lock-for=24h of its schedule \"{name}\"");
    assert!(told().contains(&its), "{}", told());
    cluster.kubectl(&["delete", "schedules.velero.io", "-n", "velero", name]);
    assert!(told().contains("by its annotation kubectl-backup.dev/lock-for=24h\n"), "{}", told());
    cluster.kubectl(&["delete", "backups.velero.io", "-n", "velero", name]);
}
