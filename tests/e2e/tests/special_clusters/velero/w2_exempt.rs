//! Quotas and rules never stand in Velero's way, and nobody else passes for it.

use serde_json::json;

use super::{cluster, object, schedule, snapshot};

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
