//! H2: the snapshot class follows from the claim's storage class.

use e2e_tests::{Claim, TestCluster};

#[test]
fn h2_the_class_follows_the_storage_class() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h2");
    for (claim, class) in
        [(Claim::block(&shop, "disk"), "block-snapshot"), (Claim::files(&shop, "share"), "files-snapshot")]
    {
        shop.plugin(&["snapshot", "create", claim.name(), "--name", claim.name()]).ok();
        let chosen =
            shop.kubectl(&["get", "volumesnapshot", claim.name(), "-o", "jsonpath={.spec.volumeSnapshotClassName}"]);
        assert_eq!(chosen, class);
    }
}

#[test]
fn h2_a_class_of_another_driver_is_refused_before_anything_is_made() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h2");
    Claim::block(&shop, "disk");
    let run = shop.plugin(&["snapshot", "create", "disk", "--class", "files-snapshot"]).ends_with(1);
    run.says("files-snapshot").says("block.csi.test.kubectl-backup.dev");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h2_an_unknown_class_lists_the_candidates() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h2");
    Claim::block(&shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--class", "nosuch"])
        .ends_with(1)
        .says("nosuch")
        .says("block-snapshot");
}
