//! Two Veleros in one cluster: the plugin never guesses which one is meant.

use e2e_tests::TestCluster;
use test_cluster::Options;

#[test]
fn c1_two_velero_namespaces_are_named_and_one_must_be_chosen() {
    let cluster = TestCluster::own(&Options { name: format!("two-{}", std::process::id()), ..Options::default() });
    cluster.kubectl(&["create", "namespace", "velero-two"]);
    cluster.create(
        r#"{"apiVersion":"velero.io/v1","kind":"BackupStorageLocation","metadata":{"name":"default","namespace":"velero-two"},
        "spec":{"provider":"aws","objectStorage":{"bucket":"b"}}}"#,
    );
    let run = cluster.plugin(&["list"]).ends_with(1);
    run.says("velero-two").says("--velero-namespace");
    cluster.plugin(&["list", "--velero-namespace", "velero"]).ok();
    cluster.down();
}
