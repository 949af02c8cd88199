//! C3: what happens to volumes.

use e2e_tests::{Claim, TestCluster};

#[test]
fn c3_none_saves_no_volume() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c3");
    Claim::block(&shop, "data");
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "none"]).ok();
    let attempted = status(&cluster, name, "csiVolumeSnapshotsAttempted");
    assert_eq!(attempted, "");
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn c3_snapshot_takes_a_csi_snapshot_of_each_volume() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c3");
    Claim::block(&shop, "data");
    Claim::files(&shop, "share");
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "snapshot"]).ok();
    let completed = status(&cluster, name, "csiVolumeSnapshotsCompleted");
    assert_eq!(completed, "2");
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn c3_a_volume_that_is_neither_copied_nor_snapshotted_is_named_before_and_after() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c3");
    Claim::block(&shop, "data");
    Claim::block(&shop, "plain");
    let name = shop.name();
    // Without a node the pod never runs; that it is annotated still keeps Velero from the snapshot.
    cluster.create(&format!(
        r#"{{"apiVersion":"v1","kind":"Pod",
        "metadata":{{"name":"web","namespace":"{name}","annotations":{{"backup.velero.io/backup-volumes":"data"}}}},
        "spec":{{"volumes":[{{"name":"data","persistentVolumeClaim":{{"claimName":"data"}}}}],
        "containers":[{{"name":"c","image":"none","volumeMounts":[{{"name":"data","mountPath":"/data"}}]}}]}}}}"#
    ));
    cluster
        .plugin(&["create", name, "--namespaces", name, "--volumes", "snapshot"])
        .ok()
        .says(&format!("the data of PVC {name}/data will not be saved: to be copied file by file"))
        .says(&format!("this backup was made without the data of PVC {name}/data"));
    let completed = status(&cluster, name, "csiVolumeSnapshotsCompleted");
    assert_eq!(completed, "1");
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn c3_a_volume_that_is_not_there_is_named_before_and_after() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c3");
    let name = shop.name();
    cluster.create(&Claim::manifest(name, "waiting", "test-block-wait"));
    cluster
        .plugin(&["create", name, "--namespaces", name, "--volumes", "snapshot"])
        .ends_with(10)
        .says(&format!("the data of PVC {name}/waiting will not be saved: not bound to a volume (Pending)"))
        .says(&format!("this backup was made without the data of PVC {name}/waiting"));
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

/// A field of a backup's status; empty when Velero did not set it.
fn status(cluster: &TestCluster, backup: &str, field: &str) -> String {
    let path = format!("jsonpath={{.status.{field}}}");
    cluster.kubectl(&["get", "backups.velero.io", "-n", "velero", backup, "-o", &path])
}
