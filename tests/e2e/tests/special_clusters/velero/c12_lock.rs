//! The deletion lock.

use std::time::Duration;

use e2e_tests::until;
use serde_json::json;

use super::{Guarded, VELERO, backup, cluster, first_backup_of, locked, object, schedule};

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
        "spec": {"exemptions": {"users": [VELERO]}, "defaults": {"labels": {"in-force": "yes"}}},
    });
    cluster.create(&policy.to_string());
    let exempt = || cluster.try_create_as(VELERO, &request.to_string()).code == 0;
    until("the policy is followed", Duration::from_secs(120), exempt);
    cluster.kubectl(&["wait", "--for=delete", "backup.velero.io/kept", "-n", "velero", "--timeout=120s"]);
    let new = backup("new", json!({})).to_string();
    guarded.forget_policy(|| {
        let create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
        cluster.try_kubectl_with(&create, &new).ok().json()["metadata"]["labels"].get("in-force").is_some()
    });
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

/// A namespace with a location and a backup that no Velero looks at, so that everything stays as it is written.
fn without_velero(guarded: &Guarded, namespace: &str) {
    guarded.cluster.kubectl(&["create", "namespace", namespace]);
    let mut location = object(
        "BackupStorageLocation",
        "main",
        json!({"provider": "aws", "default": true, "objectStorage": {"bucket": "backups"}}),
    );
    location["metadata"]["namespace"] = json!(namespace);
    location["status"] = json!({"phase": "Available"});
    guarded.cluster.create(&location.to_string());
    let mut kept = backup("kept", json!({"storageLocation": "main", "ttl": "8760h"}));
    kept["metadata"]["namespace"] = json!(namespace);
    guarded.cluster.create(&kept.to_string());
}

#[test]
fn c12_a_lock_finds_out_that_a_request_to_delete_was_there_before() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    without_velero(&guarded, "asked");
    let mut request = object("DeleteBackupRequest", "asked", json!({"backupName": "kept"}));
    request["metadata"]["namespace"] = json!("asked");
    cluster.create(&request.to_string());
    let lock = ["annotate", "backup.velero.io", "kept", "-n", "asked", "kubectl-backup.dev/lock-for=24h"];
    let run = cluster.try_kubectl(&lock).ends_with(1).says("[BKP354]").says("DeleteBackupRequest \"asked\"");
    assert_eq!(run.stderr.matches("BKP354").count(), 1, "{}", run.stderr);
    cluster.kubectl(&["delete", "deletebackuprequest.velero.io", "asked", "-n", "asked"]);
    cluster.try_kubectl(&lock).ok();
}

/// Velero finds a backup's data by a label, which cannot hold a long name: it is cut, and gets a hash.
#[test]
fn c12_a_backup_of_a_locked_ones_label_stays_with_it() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    without_velero(&guarded, "namesakes");
    let (long, namesake) = ("k".repeat(64), format!("{}2519b4", "k".repeat(57)));
    let own = |kind: &str, name: &str, spec: serde_json::Value| {
        let mut object = object(kind, name, spec);
        object["metadata"]["namespace"] = json!("namesakes");
        object.to_string()
    };
    for name in [&long, &namesake] {
        cluster.create(&own("Backup", name, json!({"storageLocation": "main", "ttl": "8760h"})));
    }
    for name in ["kept", &long, &namesake] {
        let done = r#"{"status":{"phase":"Completed"}}"#;
        cluster.kubectl(&["patch", "backup.velero.io", name, "-n", "namesakes", "--type=merge", "-p", done]);
    }
    let request = own("DeleteBackupRequest", "namesake", json!({"backupName": namesake}));
    let lock = ["annotate", "backup.velero.io", &long, "-n", "namesakes", "kubectl-backup.dev/lock-for=24h"];
    cluster.create(&request);
    cluster.try_kubectl(&lock).ends_with(1).says("[BKP354]").says("DeleteBackupRequest \"namesake\"");
    cluster.kubectl(&["delete", "deletebackuprequest.velero.io", "namesake", "-n", "namesakes"]);
    cluster.try_kubectl(&lock).ok();
    cluster.try_create(&request).ends_with(1).says("[BKP352]").says(&format!("the data of the backup \"{long}\""));
    cluster.try_create_as(VELERO, &request).ends_with(1).says("[BKP352]");
    // The plugin finds out before it deletes the first, though neither has a lock of its own.
    let delete = ["delete", "kept", &namesake, "--yes", "--velero-namespace", "namesakes"];
    let run = cluster.plugin(&delete).ends_with(1);
    run.says(&format!("the data of the backup \"{long}\"")).says("nothing was deleted");
    assert_eq!(cluster.kubectl(&["get", "deletebackuprequests.velero.io", "-n", "namesakes", "-o", "name"]), "");
    cluster.create(&own("DeleteBackupRequest", "other", json!({"backupName": "kept"})));
}

#[test]
fn c12_a_location_with_a_locked_backup_stays_where_it_is() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    without_velero(&guarded, "placed");
    let patch_as = |patch: &str, account: &[&str]| {
        let location =
            ["patch", "backupstoragelocation.velero.io", "main", "-n", "placed", "--type=merge", "-p", patch];
        cluster.try_kubectl(&[&location, account].concat())
    };
    let patch = |patch: &str| patch_as(patch, &[]);
    let elsewhere = r#"{"spec":{"objectStorage":{"bucket":"other"}}}"#;
    patch(elsewhere).ok();
    patch(r#"{"spec":{"objectStorage":{"bucket":"backups"}}}"#).ok();
    let lock = ["annotate", "backup.velero.io", "kept", "-n", "placed", "kubectl-backup.dev/lock-for=1h"];
    cluster.try_kubectl(&lock).ok();
    patch(elsewhere).ends_with(1).says("[BKP355]").says("\"kept\", which is locked until");
    patch(r#"{"spec":{"objectStorage":{"prefix":"other"}}}"#).ends_with(1).says("[BKP355]");
    patch(r#"{"spec":{"config":{"s3Url":"https://elsewhere.example"}}}"#).ends_with(1).says("[BKP355]");
    // A restore may write any location, with Velero's account.
    let velero = ["--as=system:serviceaccount:velero:velero", "--as-group=system:masters"];
    patch_as(elsewhere, &velero).ends_with(1).says("[BKP355]");
    patch_as(r#"{"status":{"phase":"Available"}}"#, &velero).ok();
    let delete = ["delete", "backupstoragelocation.velero.io", "main", "-n", "placed"];
    cluster.try_kubectl(&delete).ends_with(1).says("[BKP355]");
    // What deletes nothing is nobody's loss.
    patch(r#"{"spec":{"accessMode":"ReadOnly"}}"#).ok();
    patch(r#"{"spec":{"credential":{"name":"new","key":"cloud"}}}"#).ok();
    patch(r#"{"status":{"phase":"Unavailable"}}"#).ok();
}

#[test]
fn c12_a_backup_that_velero_never_began_is_not_kept_by_its_lock() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    let mixed = json!({"includedResources": ["pods"], "excludedClusterScopedResources": ["nodes"], "ttl": "48h"});
    let wrong = locked(backup("wrong", mixed), "lock-for", "24h");
    cluster.try_create_as(VELERO, &wrong.to_string()).ok();
    cluster.wait_for("velero", "backup.velero.io/wrong", "jsonpath={.status.phase}=FailedValidation", 120);
    cluster.kubectl(&["delete", "backup.velero.io", "wrong", "-n", "velero"]);
}

#[test]
fn c12_the_lock_of_a_schedule_is_judged_when_it_is_changed() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    let yearly = locked(schedule("yearly", "0 3 1 1 *", json!({"ttl": "48h"})), "lock-for", "24h");
    cluster.create(&yearly.to_string());
    let patch = |patch: &str| {
        cluster.try_kubectl(&["patch", "schedule.velero.io", "yearly", "-n", "velero", "--type=merge", "-p", patch])
    };
    for (code, change) in [
        ("BKP350", r#"{"metadata":{"annotations":{"kubectl-backup.dev/lock-for":"a while"}}}"#),
        ("BKP353", r#"{"metadata":{"annotations":{"kubectl-backup.dev/lock-for":"1000h"}}}"#),
        ("BKP353", r#"{"spec":{"template":{"ttl":"1h"}}}"#),
        ("BKP301", r#"{"spec":{"schedule":"0 25 * * *"}}"#),
    ] {
        let run = patch(change).ends_with(1).says(&format!("[{code}]"));
        assert_eq!(run.stderr.matches(code).count(), 1, "by one entry only: {}", run.stderr);
    }
    patch(r#"{"spec":{"paused":true}}"#).ok();
    cluster.kubectl(&["delete", "schedule.velero.io", "yearly", "-n", "velero"]);
}
