//! H5: a clone holds the bytes of its source, and nothing else is touched.

use e2e_tests::{Claim, Namespace, TestCluster, noise, sha256};

fn clone_keeps_bytes(shop: &Namespace<'_>, source: &Claim<'_>, family: &'static str) {
    let bytes = noise(6, 3 << 20);
    source.write("ledger", &bytes);
    shop.plugin(&["clone", source.name(), "copy"]).ok();
    let copy = Claim::existing(shop, "copy", family);
    assert_eq!(sha256(&copy.read("ledger")), sha256(&bytes));
    copy.write("ledger", b"changed in the copy");
    assert_eq!(sha256(&source.read("ledger")), sha256(&bytes));
    let spec = shop.kubectl(&[
        "get", "pvc", "copy", "-o",
        "jsonpath={.spec.storageClassName} {.spec.accessModes[0]} {.spec.volumeMode} {.spec.resources.requests.storage}",
    ]);
    assert_eq!(spec, format!("test-{family}-std ReadWriteOnce Filesystem 64Mi"));
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h5_clone_keeps_bytes_of_block_storage() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h5");
    clone_keeps_bytes(&shop, &Claim::block(&shop, "data"), "block");
}

#[test]
fn h5_clone_keeps_bytes_of_file_storage() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h5");
    clone_keeps_bytes(&shop, &Claim::files(&shop, "data"), "files");
}

#[test]
fn h5_what_cannot_be_cloned_is_refused_before_anything_is_made() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h5");
    Claim::block(&shop, "data");
    Claim::files(&shop, "share");
    cluster.create(&Claim::manifest(shop.name(), "waiting", "test-block-wait"));
    shop.plugin(&["clone", "nosuch", "copy"]).ends_with(1).says("nosuch");
    shop.plugin(&["clone", "data", "share"]).ends_with(1).says("exists already");
    shop.plugin(&["clone", "waiting", "copy"]).ends_with(1).says("Pending");
    shop.plugin(&["clone", "data", "copy", "--size", "1Mi"]).ends_with(1).says("64Mi");
    let run = shop.plugin(&["clone", "data", "copy", "--storage-class", "test-files-std"]).ends_with(1);
    run.says("a volume is cloned by its own driver").says("test-block-std");
    shop.plugin(&["clone", "data", "copy", "--dry-run=server"]).ok();
    shop.kubectl(&["get", "pvc", "data", "share", "waiting"]);
    cluster.try_kubectl(&["get", "pvc", "copy", "-n", shop.name()]).ends_with(1);
    // A class that waits for the first pod is not waited for.
    let late = shop.plugin(&["clone", "data", "late", "--storage-class", "test-block-wait"]).ok();
    late.says("is not waited for");
}
