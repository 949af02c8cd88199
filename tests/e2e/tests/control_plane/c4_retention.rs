//! C4: how long a backup is kept.

use e2e_tests::TestCluster;

#[test]
fn c4_retention_in_days_becomes_the_backups_time_to_live() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c4");
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name, "--retention", "30d"]).ok();
    let get = |path: &str| cluster.kubectl(&["get", "backups.velero.io", "-n", "velero", name, "-o", path]);
    assert_eq!(get("jsonpath={.spec.ttl}"), "720h0m0s");
    assert!(!get("jsonpath={.status.expiration}").is_empty());
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn c4_a_retention_without_a_unit_is_a_usage_error() {
    let cluster = TestCluster::control_plane();
    cluster.plugin(&["create", "x", "--namespaces", "default", "--retention", "30"]).ends_with(2).says("30d");
    // Velero takes nothing for its default.
    cluster.plugin(&["create", "x", "--namespaces", "default", "--retention", "0s"]).ends_with(2).says("30 days");
}
