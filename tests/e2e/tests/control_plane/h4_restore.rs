//! H4: a snapshot becomes a new claim with the bytes of its time.

use e2e_tests::{Claim, Namespace, TestCluster, noise, sha256};

fn restore_keeps_bytes(shop: &Namespace<'_>, source: &Claim<'_>, family: &'static str) {
    let bytes = noise(4, 3 << 20);
    source.write("ledger", &bytes);
    shop.plugin(&["snapshot", "create", source.name(), "--name", "before"]).ok();
    source.write("ledger", b"overwritten");
    shop.plugin(&["snapshot", "restore", "before", "--to", "restored"]).ok();
    let restored = Claim::existing(shop, "restored", family);
    assert_eq!(sha256(&restored.read("ledger")), sha256(&bytes));
    assert_eq!(source.read("ledger"), b"overwritten");
    let spec = shop.kubectl(&[
        "get", "pvc", "restored", "-o",
        "jsonpath={.spec.storageClassName} {.spec.accessModes[0]} {.spec.volumeMode} {.spec.resources.requests.storage}",
    ]);
    assert_eq!(spec, format!("test-{family}-std ReadWriteOnce Filesystem 64Mi"));
}

#[test]
fn h4_restore_keeps_bytes_of_block_storage() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h4");
    restore_keeps_bytes(&shop, &Claim::block(&shop, "data"), "block");
}

#[test]
fn h4_restore_keeps_bytes_of_file_storage() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h4");
    restore_keeps_bytes(&shop, &Claim::files(&shop, "data"), "files");
}

#[test]
fn h4_restore_works_when_the_source_claim_is_gone() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h4");
    let source = Claim::files(&shop, "data");
    let bytes = noise(5, 1 << 20);
    source.write("ledger", &bytes);
    shop.plugin(&["snapshot", "create", "data", "--name", "last"]).ok();
    shop.kubectl(&["delete", "pvc", "data", "--wait=true"]);
    shop.plugin(&["snapshot", "restore", "last", "--to", "again"]).ok();
    assert_eq!(sha256(&Claim::existing(&shop, "again", "files").read("ledger")), sha256(&bytes));
}

#[test]
fn h4_a_claim_that_took_the_name_of_the_source_is_not_taken_for_it() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h4");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    shop.kubectl(&["delete", "pvc", "data", "--wait=true"]);
    Claim::files(&shop, "data");
    shop.plugin(&["snapshot", "restore", "snap", "--to", "again"]).ok();
    let class = shop.kubectl(&["get", "pvc", "again", "-o", "jsonpath={.spec.storageClassName}"]);
    assert_eq!(class, "test-block-std");
}

#[test]
fn h4_a_class_that_binds_on_first_consumer_is_explained_not_waited_on() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h4");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let run = shop.plugin(&["snapshot", "restore", "snap", "--to", "later", "--storage-class", "test-block-wait"]).ok();
    run.says("first");
    assert_eq!(shop.kubectl(&["get", "pvc", "later", "-o", "jsonpath={.status.phase}"]), "Pending");
}

#[test]
fn h4_a_storage_class_of_another_driver_is_refused() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h4");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let run = shop.plugin(&["snapshot", "restore", "snap", "--to", "x", "--storage-class", "test-files-std"]);
    run.ends_with(1).says("files.csi.test.kubectl-backup.dev").says("block.csi.test.kubectl-backup.dev");
    assert!(!shop.kubectl(&["get", "pvc", "-o", "name"]).contains("/x"));
}

#[test]
fn h4_a_provisioner_that_fails_is_shown_with_what_was_made() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h4");
    Claim::block(&shop, "data");
    cluster.try_kubectl(&["delete", "storageclass", "h4-fail", "--ignore-not-found"]);
    cluster.create(
        r#"{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"h4-fail"},
        "provisioner":"block.csi.test.kubectl-backup.dev","parameters":{"fault.test/fail":"the pool is degraded"}}"#,
    );
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let run =
        shop.plugin(&["snapshot", "restore", "snap", "--to", "x", "--storage-class", "h4-fail", "--timeout", "120s"]);
    let run = run.ends_with(1).says("the pool is degraded").says("What was made was removed again");
    assert!(run.took.as_secs() < 60, "took {:?}", run.took);
}

#[test]
fn h4_a_failure_of_an_earlier_claim_of_the_name_is_passed_over() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h4");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let namespace = shop.name();
    cluster.create(&format!(
        r#"{{"apiVersion":"v1","kind":"Event","metadata":{{"name":"old","namespace":"{namespace}"}},"type":"Warning",
        "reason":"ProvisioningFailed","message":"failed to provision volume: an old story","involvedObject":{{"kind":"PersistentVolumeClaim",
        "name":"again","namespace":"{namespace}","uid":"00000000-0000-0000-0000-000000000000"}}}}"#
    ));
    shop.plugin(&["snapshot", "restore", "snap", "--to", "again"]).ok();
}
