//! Velero's objects as our webhook judges them, and as Velero itself would have: W2, W4, W5 and the deletion lock C12.

use std::{
    env,
    path::PathBuf,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use e2e_tests::{Run, TestCluster, until};
use serde_json::{Value, json};
use test_cluster::{
    Options,
    webhook::{Webhook, start_process},
};

const VELERO: &str = "system:serviceaccount:velero:velero";

/// One cluster for the tests with a webhook, one test at a time.
static CLUSTER: LazyLock<Mutex<Guarded>> = LazyLock::new(|| Mutex::new(Guarded::start()));

struct Guarded {
    cluster: TestCluster,
    _webhook: Webhook,
}

impl Guarded {
    #[allow(clippy::disallowed_methods, reason = "a test is an edge")]
    fn start() -> Self {
        let cluster = own("velero");
        let program = env::var_os("KUBECTL_BACKUP_WEBHOOK").expect("run these tests with cargo xtask test");
        let webhook = start_process(cluster.cluster(), &PathBuf::from(program));
        Self { cluster, _webhook: webhook.unwrap_or_else(|error| panic!("{error:?}")) }
    }

    /// What the API server says to a new object that nobody keeps.
    fn asked(&self, object: &Value) -> Run {
        self.cluster.try_kubectl_with(&["create", "--dry-run=server", "-f", "-"], &object.to_string())
    }
}

fn own(name: &str) -> TestCluster {
    TestCluster::own(&Options { name: format!("{name}-{}", std::process::id()), ..Options::default() })
}

fn cluster() -> MutexGuard<'static, Guarded> {
    CLUSTER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    let metadata = json!({"name": name, "namespace": "velero"});
    let mut object = json!({"apiVersion": "velero.io/v1", "kind": kind, "metadata": metadata});
    object["spec"] = spec;
    object
}

/// A backup of little, which is done in a moment.
fn backup(name: &str, more: Value) -> Value {
    let mut backup = object("Backup", name, more);
    backup["spec"]["includedNamespaces"] = json!(["default"]);
    backup
}

fn schedule(name: &str, cron: &str, template: Value) -> Value {
    let mut schedule = object("Schedule", name, json!({"schedule": cron}));
    schedule["spec"]["template"] = template;
    schedule["spec"]["template"]["includedNamespaces"] = json!(["default"]);
    schedule
}

fn locked(mut object: Value, annotation: &str, value: &str) -> Value {
    object["metadata"]["annotations"] = json!({format!("kubectl-backup.dev/{annotation}"): value});
    object
}

#[test]
fn w5_what_velero_would_fail_is_refused_when_it_is_written() {
    let guarded = cluster();
    let long = "a".repeat(64);
    for (code, object) in [
        ("BKP301", schedule("s", "0 3 * *", json!({}))),
        ("BKP303", schedule("s", "0 3 30 2 *", json!({}))),
        ("BKP305", backup("b", json!({"ttl": "30d"}))),
        ("BKP306", backup("b", json!({"ttl": "-1h"}))),
        ("BKP308", backup("b", json!({"includedResources": ["pods"], "excludedClusterScopedResources": ["nodes"]}))),
        ("BKP309", backup("b", json!({"excludedNamespaces": ["default"]}))),
        ("BKP310", object("Backup", "b", json!({"includedNamespaces": ["a**"]}))),
        ("BKP311", backup("b", json!({"labelSelector": {}, "orLabelSelectors": [{}]}))),
        ("BKP313", schedule(&long, "@daily", json!({}))),
        ("BKP314", backup("b", json!({"storageLocation": "nowhere"}))),
        ("BKP316", backup("b", json!({"volumeSnapshotLocations": ["nowhere"]}))),
        ("BKP330", object("Restore", "r", json!({"backupName": "b", "scheduleName": "s"}))),
        ("BKP331", object("Restore", "r", json!({"backupName": "nothing"}))),
        ("BKP332", object("Restore", "r", json!({"scheduleName": "nothing"}))),
        ("BKP333", object("Restore", "r", json!({"backupName": "b", "existingResourcePolicy": "recreate"}))),
        ("BKP335", object("Restore", "r", json!({"backupName": "b", "includedResources": ["nodes"]}))),
        ("BKP340", object("DeleteBackupRequest", "d", json!({"backupName": "nothing"}))),
    ] {
        guarded.asked(&object).ends_with(1).says(&format!("[{code}]"));
    }
    for (code, object) in [
        ("BKP302", schedule("s", "0 3 1 * 1", json!({}))),
        ("BKP304", schedule("s", "* * * * *", json!({}))),
        ("BKP307", schedule("s", "@weekly", json!({"ttl": "24h"}))),
        ("BKP314", schedule("s", "@daily", json!({"storageLocation": "nowhere"}))),
        ("BKP319", backup("b", json!({"snapshotMoveData": true}))),
        ("BKP320", backup("b", json!({"snapshotMoveData": true, "snapshotVolumes": false, "datamover": "other"}))),
    ] {
        guarded.asked(&object).ok().says(&format!("Warning: {code}"));
    }
    guarded.asked(&backup("b", json!({"ttl": "24h"}))).ok();
    guarded.asked(&schedule("s", "CRON_TZ=Europe/Berlin 30 2 * * *", json!({"ttl": "720h"}))).ok();
}

#[test]
fn w5_an_old_mistake_does_not_hold_up_another_change() {
    let guarded = cluster();
    // Velero's own account is told, and never refused.
    let made = guarded.cluster.try_create_as(VELERO, &schedule("old", "0 3 30 2 *", json!({})).to_string());
    made.ok();
    let patch = |patch: &str| {
        guarded.cluster.try_kubectl(&[
            "patch",
            "schedule.velero.io",
            "old",
            "-n",
            "velero",
            "--type=merge",
            "-p",
            patch,
        ])
    };
    patch(r#"{"spec":{"paused":true}}"#).ok();
    patch(r#"{"spec":{"schedule":"0 3 31 2 *"}}"#).ok().says("Warning: BKP303");
    patch(r#"{"spec":{"paused":false}}"#).ends_with(1).says("[BKP303]");
    patch(r#"{"spec":{"schedule":"0 3 28 2 *"}}"#).ok();
    guarded.cluster.kubectl(&["delete", "schedule.velero.io", "old", "-n", "velero"]);
}

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

/// Waits for what Velero makes of a schedule: it looks once a minute.
fn first_backup_of(cluster: &TestCluster, schedule: &str) -> String {
    let label = format!("velero.io/schedule-name={schedule}");
    let list = ["get", "backups.velero.io", "-n", "velero", "-l", &label, "-o", "jsonpath={.items[0].metadata.name}"];
    let mut name = String::new();
    until("Velero makes a backup of the schedule", Duration::from_secs(240), || {
        let found = cluster.try_kubectl(&list);
        if found.code == 0 {
            name = found.stdout;
        }
        !name.is_empty()
    });
    name
}

/// Without our webhook: what the rules say of Velero is true of the Velero that runs here.
#[test]
fn w5_velero_itself_fails_what_the_rules_refuse() {
    let cluster = own("velero-alone");
    for (name, spec, error) in [
        (
            "mixed",
            json!({"includedResources": ["pods"], "excludedClusterScopedResources": ["nodes"]}),
            "They cannot be used together",
        ),
        ("placeless", json!({"storageLocation": "nowhere"}), "nowhere"),
        ("twice", json!({"labelSelector": {}, "orLabelSelectors": [{}]}), "only one can be specified"),
    ] {
        cluster.create(&backup(name, spec).to_string());
        let object = format!("backup.velero.io/{name}");
        cluster.wait_for("velero", &object, "jsonpath={.status.phase}=FailedValidation", 60);
        let errors = cluster.kubectl(&["get", &object, "-n", "velero", "-o", "jsonpath={.status.validationErrors}"]);
        assert!(errors.contains(error), "{errors}");
    }
    cluster.create(&schedule("unread", "0 3 * *", json!({})).to_string());
    cluster.wait_for("velero", "schedule.velero.io/unread", "jsonpath={.status.phase}=FailedValidation", 120);
    cluster.create(&schedule("never", "0 3 30 2 *", json!({})).to_string());
    first_backup_of(&cluster, "never");
    cluster.kubectl(&["delete", "schedule.velero.io", "never", "-n", "velero"]);

    // One text that is no duration, and Velero sees no backup any more.
    cluster.create(&backup("unreadable", json!({"ttl": "30d"})).to_string());
    cluster.create(&backup("unseen", json!({})).to_string());
    let phase = ["wait", "--for=jsonpath={.status.phase}", "backup.velero.io/unseen", "-n", "velero", "--timeout=20s"];
    cluster.try_kubectl(&phase).ends_with(1).says("timed out");
    cluster.kubectl(&["delete", "backup.velero.io", "unreadable", "-n", "velero"]);
    cluster.wait_for("velero", "backup.velero.io/unseen", "jsonpath={.status.phase}=Completed", 180);
    cluster.down();
}

impl Guarded {
    /// As many snapshots as the quota lets anybody have.
    fn fill_snapshots(&self, namespace: &str) {
        for n in 1..=10 {
            self.cluster.create(&snapshot(namespace, &format!("s{n}"), &json!({})).to_string());
        }
        self.cluster.try_create(&snapshot(namespace, "s11", &json!({})).to_string()).ends_with(1).says("10/10 used");
    }

    fn done(&self, object: &str) {
        self.cluster.wait_for("velero", object, "jsonpath={.status.phase}=Completed", 180);
    }
}

fn snapshot(namespace: &str, name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"source": {"persistentVolumeClaimName": "disk"}},
    })
}

#[test]
fn w2_backup_and_restore_with_snapshots_work_while_the_quota_is_full() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    cluster.kubectl(&["create", "namespace", "shop"]);
    cluster.create(
        &json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "disk", "namespace": "shop"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "test-block-std",
                "resources": {"requests": {"storage": "1Mi"}}},
        })
        .to_string(),
    );
    cluster.wait_for("shop", "pvc/disk", "jsonpath={.status.phase}=Bound", 60);
    guarded.fill_snapshots("shop");
    let volumes =
        json!({"includedNamespaces": ["shop"], "includedResources": ["persistentvolumeclaims", "persistentvolumes"]});
    cluster.create(&object("Backup", "shop", volumes).to_string());
    guarded.done("backup.velero.io/shop");
    let taken =
        ["get", "backup.velero.io", "shop", "-n", "velero", "-o", "jsonpath={.status.csiVolumeSnapshotsCompleted}"];
    assert_eq!(cluster.kubectl(&taken), "1");
    let again = json!({"backupName": "shop", "namespaceMapping": {"shop": "shop-again"}});
    cluster.create(&object("Restore", "shop", again).to_string());
    guarded.done("restore.velero.io/shop");
    cluster.wait_for("shop-again", "pvc/disk", "jsonpath={.status.phase}=Bound", 60);
    // Velero's labels and our mark are worth nothing in another's hands.
    for labels in [
        json!({"velero.io/backup-name": "shop"}),
        json!({"velero.io/restore-name": "shop", "velero.io/backup-name": "shop"}),
        json!({"kubectl-backup.dev/quota-exempt": "true"}),
    ] {
        cluster.try_create(&snapshot("shop", "s11", &labels).to_string()).ends_with(1);
    }
    cluster.kubectl(&["delete", "volumesnapshots", "--all", "-n", "shop"]);
}

#[test]
fn w2_a_restore_makes_a_fourth_schedule_in_a_full_cluster() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    let yearly = |name: &str| schedule(name, "0 3 1 1 *", json!({})).to_string();
    for name in ["one", "two", "three"] {
        cluster.create(&yearly(name));
    }
    let schedules = json!({"includedNamespaces": ["velero"], "includedResources": ["schedules.velero.io"]});
    cluster.create(&object("Backup", "schedules", schedules).to_string());
    guarded.done("backup.velero.io/schedules");
    cluster.kubectl(&["delete", "schedule.velero.io", "three", "-n", "velero"]);
    cluster.create(&yearly("other"));
    cluster.try_create(&yearly("three")).ends_with(1).says("3/3 used");
    cluster.create(&object("Restore", "schedules", json!({"backupName": "schedules"})).to_string());
    guarded.done("restore.velero.io/schedules");
    cluster.kubectl(&["get", "schedule.velero.io", "three", "-n", "velero"]);
    cluster.try_create(&yearly("five")).ends_with(1).says("used");
    cluster.kubectl(&["delete", "schedules.velero.io", "--all", "-n", "velero"]);
}

#[test]
fn w4_what_a_backup_leaves_open_comes_from_the_policy_and_what_it_says_stays() {
    let guarded = cluster();
    let defaults =
        json!({"backupTTL": "48h", "scheduleTTL": "72h", "storageLocation": "default", "labels": {"team": "shop"}});
    let policy = json!({
        "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"defaults": defaults},
    });
    guarded.cluster.create(&policy.to_string());
    let filled = |object: &Value| {
        let create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
        guarded.cluster.try_kubectl_with(&create, &object.to_string()).ok().json()
    };
    until("the policy is followed", Duration::from_secs(30), || {
        filled(&backup("b", json!({})))["spec"]["ttl"] == "48h0m0s"
    });
    let open = filled(&schedule("s", "@daily", json!({})));
    assert_eq!(open["spec"]["template"]["ttl"], "72h0m0s");
    assert_eq!(open["spec"]["template"]["storageLocation"], "default");
    assert_eq!(open["metadata"]["labels"], json!({"team": "shop"}));
    let mut said = backup("b", json!({"ttl": "24h"}));
    said["metadata"]["labels"] = json!({"team": "db", "tier": "gold"});
    let said = filled(&said);
    assert_eq!(said["spec"]["ttl"], "24h");
    assert_eq!(said["metadata"]["labels"], json!({"team": "db", "tier": "gold"}));
    // Velero's own account gets what it wrote.
    let velero = ["create", "--dry-run=server", "-o", "json", "-f", "-", &format!("--as={VELERO}")];
    let own = guarded.cluster.try_kubectl_with(&velero, &backup("b", json!({})).to_string()).ok().json();
    assert!(own["spec"].get("ttl").is_none() && own["metadata"].get("labels").is_none(), "{own}");
    guarded.cluster.kubectl(&["delete", "backuppolicy", "default"]);
}
