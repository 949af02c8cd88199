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
    assert_eq!(dry["metadata"]["annotations"]["kubectl-backup.dev/lock-for"], "24h0m0s", "{dry}");
    assert_eq!(dry["spec"].get("ttl"), None, "the server's own may be longer: {dry}");
    cluster.try_kubectl(&["get", "backups.velero.io", "-n", "velero", name]).ends_with(1);

    let run = cluster.plugin(&create).ok();
    let backup = stored(&cluster, name);
    assert_eq!(backup["metadata"]["annotations"]["kubectl-backup.dev/lock-for"], "24h0m0s");
    let run = run.says("The backup will be locked for 24h0m0s").says("nothing keeps the lock");
    assert!(!run.stderr.contains("Plan"), "{}", run.stderr);
    assert_eq!(backup["spec"]["ttl"], "720h0m0s", "as Velero's server decided");
    assert_eq!(backup["metadata"]["labels"].get("kubectl-backup.dev/plan"), None);

    // A day from its start on, by the cluster's clock.
    let text = cluster.plugin(&["describe", name]).ok().stdout;
    let lock = text.lines().find(|line| line.contains("by its annotation")).unwrap_or_else(|| panic!("{text}"));
    let until = lock.split("until ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let started = backup["status"]["startTimestamp"].as_str().unwrap();
    let ((day, time), (day_of_end, time_of_end)) = (started.split_once('T').unwrap(), until.split_once('T').unwrap());
    assert!(time == time_of_end && day < day_of_end, "from {started} {lock}");
    let list = cluster.plugin(&["list", name, "-o", "wide"]).ok().stdout;
    assert!(list.contains("LOCKED-UNTIL") && list.contains(&until), "{list}");
    assert!(text.contains(&format!("until {until} (")), "{text}");
    assert!(text.contains("by its annotation kubectl-backup.dev/lock-for=24h0m0s"), "{text}");

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
    let equal = ["24h", "--retention", "24h", "--dry-run=server", "-o", "json"];
    assert_eq!(cluster.plugin(&[&create[..], &equal].concat()).ok().json()["spec"]["ttl"], "24h0m0s");
    let longer = cluster.plugin(&[&create[..], &["1000h", "--dry-run=client", "-o", "json"]].concat()).ok().json();
    assert_eq!(longer["spec"]["ttl"], "1001h0m0s", "Velero would keep it for 720h");
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
