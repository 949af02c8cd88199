//! C13: restores, into the same and into another namespace.

use e2e_tests::{Claim, TestCluster, noise, sha256};

#[test]
fn c13_restore_into_another_namespace_keeps_objects_and_bytes() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c13");
    let copy = cluster.namespace("c13-copy");
    cluster.kubectl(&["delete", "namespace", copy.name(), "--wait=true"]);
    shop.kubectl(&["create", "configmap", "settings", "--from-literal=color=blue"]);
    let claim = Claim::block(&shop, "data");
    let bytes = noise(13, 2 << 20);
    claim.write("ledger", &bytes);
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "snapshot"]).ok();
    let mapping = format!("{name}:{}", copy.name());
    let run = cluster.plugin(&["restore", name, "--name", copy.name(), "--namespace-mappings", &mapping]).ok();
    assert_eq!(run.stdout, format!("restore.velero.io/{} created\n", copy.name()));
    assert_eq!(copy.kubectl(&["get", "configmap", "settings", "-o", "jsonpath={.data.color}"]), "blue");
    cluster.wait_for(copy.name(), "pvc/data", "jsonpath={.status.phase}=Bound", 120);
    assert_eq!(sha256(&Claim::existing(&copy, "data", "block").read("ledger")), sha256(&bytes));
    let list = cluster.plugin(&["restore", "list"]).ok().stdout;
    assert!(list.lines().any(|line| line.starts_with(copy.name()) && line.contains("Completed")), "{list}");
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn c13_a_mapping_without_a_colon_is_a_usage_error() {
    let cluster = TestCluster::control_plane();
    cluster.plugin(&["restore", "x", "--namespace-mappings", "a"]).ends_with(2).says("from:to");
}
