//! A snapshot class that keeps the storage's copies: what was taken for a while does not stay there.

use std::{fs, time::Duration};

use e2e_tests::{Claim, TestCluster, noise, sha256, until};
use serde_json::json;
use test_cluster::Options;

#[test]
fn h6_a_clone_elsewhere_by_a_class_that_retains_leaves_nothing_on_the_storage() {
    let options = Options { name: format!("retained-{}", std::process::id()), ..Options::default() };
    let cluster = TestCluster::own(&options);
    let (shop, depot) = (cluster.namespace("retained"), cluster.namespace("retained"));
    cluster.kubectl(&["delete", "volumesnapshotclass", "block-snapshot"]);
    let class = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass",
        "metadata": {"name": "keeps"}, "driver": "block.csi.test.kubectl-backup.dev", "deletionPolicy": "Retain"});
    cluster.create(&class.to_string());
    let source = Claim::block(&shop, "data");
    let bytes = noise(11, 1 << 20);
    source.write("ledger", &bytes);
    let folder = cluster.cluster().state_dir().join("csi/block/snapshots");
    let on_storage = || fs::read_dir(&folder).map_or(0, Iterator::count);
    let contents = || cluster.kubectl(&["get", "volumesnapshotcontents", "-o", "name"]);

    let run = shop.plugin(&["clone", "data", "copy", "--to-namespace", depot.name()]).ok();
    assert!(!run.stderr.contains("stays"), "{}", run.stderr);
    assert_eq!(sha256(&Claim::existing(&depot, "copy", "block").read("ledger")), sha256(&bytes));
    for namespace in [&shop, &depot] {
        assert_eq!(namespace.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    }
    until("nothing is left on the storage", Duration::from_secs(60), || contents().is_empty() && on_storage() == 0);

    // Those that are taken to stay are kept by their class: the count above can see them.
    for name in ["first", "second"] {
        shop.plugin(&["snapshot", "create", "data", "--name", name]).ok();
    }
    assert_eq!(on_storage(), 2);
    let run = shop.plugin(&["snapshot", "prune", "--keep", "1", "--dry-run=client"]).ok();
    run.says("Warning: the storage keeps its copy (deletion policy Retain) of: first\n");
    for consent in ["--dry-run=client", "--yes"] {
        let run = shop.plugin(&["snapshot", "delete", "second", consent]).ok();
        run.says("snapshot second of PVC data: the storage keeps its copy (deletion policy Retain)\n");
    }
    shop.try_kubectl(&["get", "volumesnapshot", "second"]).ends_with(1).says("not found");
    assert_eq!(on_storage(), 2);
    drop((shop, depot));
    cluster.down();
}
