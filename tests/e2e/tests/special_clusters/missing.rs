//! Clusters that lack an engine: the plugin says what is missing and how to get it.

use e2e_tests::TestCluster;
use test_cluster::{Options, Part};

#[test]
fn c1_a_cluster_without_velero_is_told_so() {
    let options =
        Options { name: format!("novelero-{}", std::process::id()), without: vec![Part::Velero], ..Options::default() };
    let cluster = TestCluster::own(&options);
    for args in [&["list"][..], &["create", "--namespaces", "default"], &["restore", "x"], &["delete", "x", "--yes"]] {
        cluster.plugin(args).ends_with(1).says("Velero is not installed");
    }
    cluster.down();
}

#[test]
fn h1_a_cluster_without_snapshots_is_told_so() {
    let options = Options {
        name: format!("nosnap-{}", std::process::id()),
        without: vec![Part::Snapshots],
        ..Options::default()
    };
    let cluster = TestCluster::own(&options);
    cluster.create(
        r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"default"},
        "spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"test-block-std","resources":{"requests":{"storage":"1Mi"}}}}"#,
    );
    cluster.wait_for("default", "pvc/data", "jsonpath={.status.phase}=Bound", 120);
    for args in [&["snapshot", "create", "data"][..], &["snapshot", "list"], &["snapshot", "restore", "x", "--to", "y"]]
    {
        cluster.plugin(args).ends_with(1).says("snapshots are not installed in this cluster");
    }
    cluster.down();
}
