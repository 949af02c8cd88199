//! H1, H4: bytes that a pod wrote, read by another pod from the restored claim.

use e2e_tests::{App, Claim, TestCluster};

#[test]
fn h4_a_pod_reads_from_the_restored_claim_what_another_wrote() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h4");
    let app = App::start(&shop, &[("disk", "test-block-std"), ("share", "test-files-std")], None);
    for claim in ["disk", "share"] {
        let written = app.checksum(claim);
        shop.plugin(&["snapshot", "create", claim, "--name", claim]).ok();
        app.exec(&format!("echo overwritten > /{claim}/file"));
        let target = format!("{claim}-restored");
        shop.plugin(&["snapshot", "restore", claim, "--to", &target]).ok();
        assert_eq!(shop.checksum_in_new_pod(&target), written);
        shop.plugin(&["snapshot", "delete", claim, "--yes"]).ok();
    }
}

#[test]
fn h4_a_class_that_binds_on_first_consumer_binds_when_a_pod_comes() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h4");
    let app = App::start(&shop, &[("disk", "test-block-std")], None);
    let written = app.checksum("disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "snap"]).ok();
    shop.plugin(&["snapshot", "restore", "snap", "--to", "later", "--storage-class", "test-block-wait"]).ok();
    assert_eq!(shop.checksum_in_new_pod("later"), written);
    // A claim that is bound at last is no reason to keep the snapshot.
    shop.plugin(&["snapshot", "delete", "snap", "--yes"]).ok();
}

#[test]
fn h1_a_claim_that_waits_for_its_first_pod_is_refused_until_then() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h1");
    cluster.create(&Claim::manifest(shop.name(), "waiting", "test-block-wait"));
    shop.plugin(&["snapshot", "create", "waiting"]).ends_with(1).says("first");
}
