//! Quotas and rules never stand in Velero's way, and nobody else passes for it.

use std::time::Duration;

use e2e_tests::{Run, until};
use serde_json::{Value, json};

use super::{VELERO, cluster, object, schedule, snapshot};

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
    cluster.wait_for("shop", "pvc/disk", "jsonpath={.status.phase}=Bound", 120);
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
    cluster.wait_for("shop-again", "pvc/disk", "jsonpath={.status.phase}=Bound", 120);
    // The snapshot that was restored stays, and takes a slot beyond the limit: one that is freed is not free for others.
    let restored = ["get", "volumesnapshots", "-n", "shop-again", "-o", "jsonpath={.items[*].metadata.labels}"];
    let labels = cluster.kubectl(&restored);
    assert!(labels.contains("velero.io/restore-name") && !labels.contains("quota-exempt"), "{labels}");
    cluster.kubectl(&["delete", "volumesnapshot", "s10", "-n", "shop"]);
    let full = || cluster.try_create(&snapshot("shop", "s10", &json!({})).to_string());
    until("the deleted snapshot gives its slot back", Duration::from_secs(60), || full().stderr.contains("10/10 used"));
    full().ends_with(1).says("shop-again/");
    // Velero's labels and our mark are worth nothing in another's hands.
    for labels in [
        json!({"velero.io/backup-name": "shop"}),
        json!({"velero.io/restore-name": "shop", "velero.io/backup-name": "shop"}),
        json!({"kubectl-backup.dev/quota-exempt": "true"}),
    ] {
        cluster.try_create(&snapshot("shop", "s11", &labels).to_string()).ends_with(1);
    }
    cluster.kubectl(&["delete", "volumesnapshots", "--all", "-n", "shop"]);
    cluster.kubectl(&["delete", "volumesnapshots", "--all", "-n", "shop-again"]);
}

/// Whoever has a namespace can have an account of Velero's name in it.
#[test]
fn w2_an_account_of_veleros_name_gains_nothing() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    cluster.kubectl(&["create", "namespace", "tenant"]);
    cluster.kubectl(&["create", "serviceaccount", "velero", "-n", "tenant"]);
    let impostor = "system:serviceaccount:tenant:velero";
    for (namespace, account) in [("tenant", "tenant:velero"), ("velero", "velero:velero-server")] {
        let admin = ["create", "rolebinding", "impostor", "--clusterrole=cluster-admin", "-n", namespace];
        cluster.kubectl(&[&admin[..], &["--serviceaccount", account]].concat());
    }
    let marked = |user: &str, namespace: &str| {
        let create = ["create", "--dry-run=server", "-o", "json", "-f", "-", "--as", user];
        cluster.try_kubectl_with(&create, &snapshot(namespace, "mine", &json!({})).to_string())
    };
    for (user, namespace) in [(impostor, "tenant"), ("system:serviceaccount:velero:velero-server", "velero")] {
        let may = || marked(user, namespace).code == 0;
        until("the role binding is known", Duration::from_secs(120), may);
    }
    let mark = |run: Run| run.ok().json()["metadata"]["labels"]["kubectl-backup.dev/quota-exempt"].clone();
    // All rights in a namespace of theirs are none with the ledgers, also where the namespace is Velero's.
    assert_eq!(mark(marked(impostor, "tenant")), Value::Null);
    assert_eq!(mark(marked("system:serviceaccount:velero:velero-server", "velero")), Value::Null);
    let wrong = schedule("s", "0 25 * * *", json!({})).to_string();
    cluster.try_create_as("system:serviceaccount:velero:velero-server", &wrong).ends_with(1).says("[BKP301]");
    // Nor do they give themselves the right.
    let grant = ["create", "clusterrolebinding", "impostor", "--clusterrole=kubectl-backup-velero"];
    let grant = [&grant[..], &["--serviceaccount=tenant:velero"]].concat();
    cluster.try_kubectl(&[&grant[..], &["--as", impostor]].concat()).ends_with(1);
    assert_eq!(mark(marked(VELERO, "tenant")), "true");
    // An administrator gives it to a Velero that has fewer rights than its own installers give it.
    cluster.kubectl(&grant);
    until("the API server knows of the right", Duration::from_secs(120), || mark(marked(impostor, "tenant")) == "true");
    cluster.kubectl(&["delete", "clusterrolebinding", "impostor"]);
    cluster.kubectl(&["delete", "rolebinding", "impostor", "-n", "velero"]);
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
