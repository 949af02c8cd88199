//! Bad input: each with a clear error, a hint and no leftovers.

use e2e_tests::{Claim, TestCluster};

#[test]
fn h1_a_missing_claim_is_named_with_the_nearest_one() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("bad");
    Claim::block(&shop, "database");
    let run = shop.plugin(&["snapshot", "create", "databse"]).ends_with(1);
    run.says("databse").says(shop.name()).says("database");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h1_a_claim_that_is_not_bound_is_refused_with_the_reason() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("bad");
    cluster.create(&Claim::manifest(shop.name(), "waiting", "test-block-wait"));
    let run = shop.plugin(&["snapshot", "create", "waiting"]).ends_with(1);
    run.says("Pending").says("first");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h2_a_driver_without_a_class_is_refused_with_what_to_do() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("bad");
    // A bound claim of a driver that has no snapshot class.
    let volume = format!("{}-volume", shop.name());
    cluster.create(&format!(
        r#"{{"apiVersion":"v1","kind":"PersistentVolume","metadata":{{"name":"{volume}"}},"spec":{{"capacity":{{"storage":"1Mi"}},
        "accessModes":["ReadWriteOnce"],"storageClassName":"","csi":{{"driver":"other.example.com","volumeHandle":"v"}},
        "claimRef":{{"namespace":"{}","name":"odd"}}}}}}"#,
        shop.name()
    ));
    cluster.create(&format!(
        r#"{{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{{"name":"odd","namespace":"{}"}},"spec":{{"storageClassName":"",
        "volumeName":"{volume}","accessModes":["ReadWriteOnce"],"resources":{{"requests":{{"storage":"1Mi"}}}}}}}}"#,
        shop.name()
    ));
    cluster.wait_for(shop.name(), "pvc/odd", "jsonpath={.status.phase}=Bound", 120);
    let run = shop.plugin(&["snapshot", "create", "odd"]);
    cluster.try_kubectl(&["delete", "pv", &volume, "--wait=false"]);
    run.ends_with(1).says("other.example.com").says("block-snapshot");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h4_a_target_that_exists_is_left_alone() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("bad");
    let claim = Claim::block(&shop, "data");
    claim.write("file", b"mine");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    shop.plugin(&["snapshot", "restore", "snap", "--to", "data"]).ends_with(1).says("data").says("exists");
    assert_eq!(claim.read("file"), b"mine");
}

#[test]
fn h4_a_missing_snapshot_is_named() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("bad");
    shop.plugin(&["snapshot", "restore", "nosuch", "--to", "x"])
        .ends_with(1)
        .says("nosuch")
        .says("kubectl backup snapshot list");
    assert_eq!(shop.kubectl(&["get", "pvc", "-o", "name"]), "");
}

#[test]
fn c13_a_missing_backup_is_named() {
    let cluster = TestCluster::control_plane();
    let run = cluster.plugin(&["restore", "create", "--from-backup", "nosuch"]).ends_with(1);
    run.says("nosuch").says("kubectl backup list");
}

#[test]
fn c1_missing_namespaces_are_all_named() {
    let cluster = TestCluster::control_plane();
    let run = cluster.plugin(&["create", "b1", "--namespaces", "default,nosuch-a,nosuch-b"]).ends_with(1);
    run.says("nosuch-a").says("nosuch-b");
    let backups = cluster.kubectl(&["get", "backups.velero.io", "-n", "velero", "-o", "name"]);
    assert!(!backups.contains("/b1\n"), "{backups}");
}

#[test]
fn c1_a_missing_location_lists_those_that_exist() {
    let cluster = TestCluster::control_plane();
    let run = cluster.plugin(&["create", "b2", "--namespaces", "default", "--location", "nosuch"]).ends_with(1);
    run.says("nosuch").says("default");
}

#[test]
fn h7_forbidden_everywhere_says_to_use_a_namespace() {
    let cluster = TestCluster::control_plane();
    let run = cluster.plugin_as("alice", &["snapshot", "list", "-A"]).ends_with(1);
    run.says("Error from server (Forbidden)").says("-n");
}

#[test]
fn h1_forbidden_by_rbac_names_the_object_and_leaves_nothing() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("bad");
    Claim::block(&shop, "data");
    let run = cluster.plugin_as("alice", &["snapshot", "create", "data", "-n", shop.name()]).ends_with(1);
    run.says("Error from server (Forbidden)").says("alice");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

/// As from a script whose variable is not set: nothing is looked at in another namespace, and nothing goes.
#[test]
fn h7_an_empty_namespace_is_no_other_namespace() {
    let cluster = TestCluster::control_plane();
    for namespace in ["", " ", "Shop", "a/../b"] {
        for args in [&["snapshot", "list"][..], &["snapshot", "delete", "--all", "--yes"], &["lint"]] {
            cluster.plugin(&[args, &["-n", namespace]].concat()).ends_with(2).says("namespace");
        }
    }
}

#[test]
fn h8_prune_says_what_a_count_is_and_which_claim_has_no_snapshots() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("bad");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data"]).ok();
    for count in ["0", "-1", "many", ""] {
        shop.plugin(&["snapshot", "prune", "--yes", "--keep", count]).ends_with(2).says("from 1 on");
    }
    let run = shop.plugin(&["snapshot", "prune", "--yes", "--keep", "1", "data", "databse"]).ok();
    run.says("no snapshots of PVC \"databse\" were found");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]).lines().count(), 1);
}
