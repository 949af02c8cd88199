//! The deletion lock.

use std::time::Duration;

use e2e_tests::until;
use serde_json::json;

use super::{VELERO, backup, cluster, first_backup_of, locked, object, schedule};

#[test]
fn c12_a_locked_backup_stays_until_its_lock_ends() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    cluster.create(&locked(backup("kept", json!({})), "lock-for", "1000h").to_string());
    let ttl = ["get", "backup.velero.io", "kept", "-n", "velero", "-o", "jsonpath={.spec.ttl}"];
    assert_eq!(cluster.kubectl(&ttl), "1001h0m0s", "what was left open outlives the lock");
    cluster.wait_for("velero", "backup.velero.io/kept", "jsonpath={.status.phase}=Completed", 120);

    cluster.try_kubectl(&["delete", "backup.velero.io", "kept", "-n", "velero"]).ends_with(1).says("[BKP352]");
    cluster.try_kubectl(&["delete", "backups.velero.io", "--all", "-n", "velero"]).ends_with(1).says("[BKP352]");
    let request = object("DeleteBackupRequest", "kept", json!({"backupName": "kept"}));
    cluster.try_create(&request.to_string()).ends_with(1).says("the backup is locked until").says("[BKP352]");
    let patch = |patch: &str| {
        cluster.try_kubectl(&["patch", "backup.velero.io", "kept", "-n", "velero", "--type=merge", "-p", patch])
    };
    for (code, change) in [
        ("BKP351", r#"{"metadata":{"annotations":{"kubectl-backup.dev/lock-for":null}}}"#),
        ("BKP351", r#"{"metadata":{"annotations":{"kubectl-backup.dev/lock-for":"1h"}}}"#),
        ("BKP350", r#"{"metadata":{"annotations":{"kubectl-backup.dev/lock-for":"a while"}}}"#),
        ("BKP351", r#"{"status":{"startTimestamp":"2001-01-01T00:00:00Z"}}"#),
        ("BKP351", r#"{"status":{"phase":"New"}}"#),
        ("BKP353", r#"{"status":{"expiration":"2001-01-01T00:00:00Z"}}"#),
        ("BKP353", r#"{"spec":{"ttl":"1h"}}"#),
    ] {
        patch(change).ends_with(1).says(&format!("[{code}]"));
    }
    // A longer life, a longer lock and words of one's own are nobody's loss.
    patch(r#"{"status":{"expiration":"2999-01-01T00:00:00Z"}}"#).ok();
    patch(r#"{"metadata":{"annotations":{"kubectl-backup.dev/locked-until":"2998-01-01T00:00:00Z"}}}"#).ok();
    patch(r#"{"metadata":{"labels":{"mine":"yes"}}}"#).ok();
    // Velero's sync would delete a backup that its location does not hold.
    let label = r#"{"metadata":{"labels":{"velero.io/storage-location":"elsewhere"}}}"#;
    patch(label).ends_with(1).says("[BKP351]");
    // A restore writes others' requests with Velero's account.
    cluster.try_create_as(VELERO, &request.to_string()).ends_with(1).says("[BKP352]");
    // Whoever the policy exempts may, and Velero then deletes the data as well.
    let policy = json!({
        "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"exemptions": {"users": [VELERO]}},
    });
    cluster.create(&policy.to_string());
    let exempt = || cluster.try_create_as(VELERO, &request.to_string()).code == 0;
    until("the policy is followed", Duration::from_secs(30), exempt);
    cluster.kubectl(&["delete", "backuppolicy", "default"]);
    cluster.kubectl(&["wait", "--for=delete", "backup.velero.io/kept", "-n", "velero", "--timeout=120s"]);
}

#[test]
fn c12_a_request_for_another_backup_does_not_turn_against_a_locked_one() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    cluster.create(&locked(backup("held", json!({})), "lock-for", "24h").to_string());
    // As Velero leaves a request that is done; no other state would last long enough to be changed.
    let mut done = object("DeleteBackupRequest", "turned", json!({"backupName": "gone"}));
    done["status"] = json!({"phase": "Processed"});
    cluster.try_create_as(VELERO, &done.to_string()).ok();
    let patch = r#"{"spec":{"backupName":"held"},"status":{"phase":"New"}}"#;
    let turn = ["patch", "deletebackuprequest.velero.io", "turned", "-n", "velero", "--type=merge", "-p", patch];
    cluster.try_kubectl(&turn).ends_with(1).says("[BKP352]");
    cluster.wait_for("velero", "backup.velero.io/held", "jsonpath={.status.phase}=Completed", 120);
    // A restore that changes what is there does so with Velero's account.
    cluster.try_kubectl(&[&turn[..], &["--as", VELERO]].concat()).ends_with(1).says("[BKP352]");
}

#[test]
fn c12_a_schedule_hands_its_lock_to_its_backups() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    let short = locked(schedule("hourly", "@hourly", json!({"ttl": "2h"})), "lock-for", "24h");
    guarded.asked(&short).ends_with(1).says("[BKP353]");
    let every_minute = locked(schedule("locking", "* * * * *", json!({})), "lock-for", "24h");
    cluster.create(&every_minute.to_string());
    let name = first_backup_of(cluster, "locking");
    cluster.kubectl(&["delete", "schedule.velero.io", "locking", "-n", "velero"]);
    cluster.try_kubectl(&["delete", "backup.velero.io", &name, "-n", "velero"]).ends_with(1).says("[BKP352]");
}
