//! C3: what happens to volumes.

use e2e_tests::{Claim, TestCluster};

#[test]
fn c3_none_saves_no_volume() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c3");
    Claim::block(&shop, "data");
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "none"]).ok();
    let attempted = cluster.kubectl(&[
        "get",
        "backups.velero.io",
        "-n",
        "velero",
        name,
        "-o",
        "jsonpath={.status.csiVolumeSnapshotsAttempted}",
    ]);
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
    let completed = cluster.kubectl(&[
        "get",
        "backups.velero.io",
        "-n",
        "velero",
        name,
        "-o",
        "jsonpath={.status.csiVolumeSnapshotsCompleted}",
    ]);
    assert_eq!(completed, "2");
    cluster.plugin(&["delete", name, "--yes"]).ok();
}
