//! H6 with pods: what a pod wrote is read by a pod of another namespace, whichever side goes first.

use e2e_tests::{App, TestCluster};

#[test]
fn h6_a_pod_of_another_namespace_reads_what_was_written_and_either_side_may_go() {
    let cluster = TestCluster::node();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    let app = App::start(&shop, &[("disk", "test-block-std"), ("share", "test-files-std")], None);
    for claim in ["disk", "share"] {
        let written = app.checksum(claim);
        shop.plugin(&["snapshot", "create", claim, "--name", claim]).ok();
        shop.plugin(&["clone", claim, &format!("{claim}-cloned"), "--to-namespace", depot.name()]).ok();
        app.exec(&format!("echo overwritten > /{claim}/file; sync"));
        let into = ["snapshot", "restore", claim, "--to-namespace", depot.name(), "--to"];
        let names = ["first", "second"].map(|name| format!("{claim}-{name}"));
        shop.plugin(&[&into[..], &[&names[0]]].concat()).ok();
        depot.kubectl(&["delete", "pvc", &names[0], "--wait=true"]);
        // The copy is gone, and its pair: the snapshot still has its data.
        shop.plugin(&[&into[..], &[&names[1]]].concat()).ok();
        shop.plugin(&["snapshot", "delete", claim, "--yes"]).ok();
        // The snapshot is gone: the copies still have theirs.
        for name in [&names[1], &format!("{claim}-cloned")] {
            assert_eq!(depot.checksum_in_new_pod(name), written);
        }
    }
    assert_eq!(depot.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h6_a_class_that_waits_for_pods_is_filled_when_one_comes() {
    let cluster = TestCluster::node();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    let app = App::start(&shop, &[("disk", "test-block-wait")], None);
    let written = app.checksum("disk");
    shop.plugin(&["clone", "disk", "later", "--to-namespace", depot.name()]).ok().says("until it is filled");
    assert_eq!(depot.checksum_in_new_pod("later"), written);
    for namespace in [&depot, &shop] {
        let name = namespace.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[0].metadata.name}"]);
        namespace.plugin(&["snapshot", "delete", &name, "--yes"]).ok();
    }
    let contents = cluster.kubectl(&[
        "get",
        "volumesnapshotcontents",
        "-o",
        "jsonpath={.items[*].spec.volumeSnapshotRef.namespace}",
    ]);
    assert!(!contents.contains(depot.name()) && !contents.contains(shop.name()), "{contents}");
}
