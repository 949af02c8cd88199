//! H4, H5, H6: a PVC of mode Block stays one, with its bytes.

use e2e_tests::{Claim, Namespace, TestCluster, noise, sha256};

const MIB: usize = 1 << 20;

/// A PVC of mode Block with bytes on its device. Returns their sum.
fn device<'a>(shop: &'a Namespace<'a>, family: &'static str) -> (Claim<'a>, String) {
    let manifest = Claim::manifest(shop.name(), "raw", &format!("test-{family}-std"));
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    manifest["spec"]["volumeMode"] = "Block".into();
    shop.cluster().create(&manifest.to_string());
    shop.cluster().wait_for(shop.name(), "pvc/raw", "jsonpath={.status.phase}=Bound", 120);
    let claim = Claim::existing(shop, "raw", family);
    let bytes = noise(41, 64 * MIB);
    claim.write("disk", &bytes);
    (claim, sha256(&bytes))
}

fn is_device(namespace: &Namespace<'_>, name: &str, family: &'static str, sum: &str) {
    let mode = namespace.kubectl(&["get", "pvc", name, "-o", "jsonpath={.spec.volumeMode}"]);
    assert_eq!(mode, "Block", "{name}");
    assert_eq!(sha256(&Claim::existing(namespace, name, family).read("disk")), sum, "{name}");
}

fn a_device_is_restored_and_cloned(family: &'static str) {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h4"), cluster.namespace("h4"));
    let (raw, before) = device(&shop, family);
    shop.plugin(&["snapshot", "create", "raw", "--name", "before"]).ok();
    let now = noise(42, 64 * MIB);
    raw.write("disk", &now);
    shop.plugin(&["snapshot", "restore", "before", "--to", "restored"]).ok();
    is_device(&shop, "restored", family, &before);
    shop.plugin(&["snapshot", "restore", "before", "--to", "moved", "--to-namespace", depot.name()]).ok();
    is_device(&depot, "moved", family, &before);
    shop.plugin(&["clone", "raw", "copy"]).ok();
    is_device(&shop, "copy", family, &sha256(&now));
    shop.plugin(&["clone", "raw", "copy", "--to-namespace", depot.name()]).ok();
    is_device(&depot, "copy", family, &sha256(&now));
    is_device(&shop, "raw", family, &sha256(&now));

    // What it was stays known when the PVC is gone.
    shop.kubectl(&["delete", "pvc", "raw", "--wait=true"]);
    shop.plugin(&["snapshot", "restore", "before", "--to", "raw"]).ok();
    is_device(&shop, "raw", family, &before);
}

#[test]
fn h4_a_device_of_block_storage_is_restored_and_cloned_with_its_bytes() {
    a_device_is_restored_and_cloned("block");
}

#[test]
fn h4_a_device_of_file_storage_is_restored_and_cloned_with_its_bytes() {
    a_device_is_restored_and_cloned("files");
}

#[test]
fn h9_a_device_is_rolled_back_and_the_rollback_undone() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let (raw, before) = device(&shop, "block");
    shop.plugin(&["snapshot", "create", "raw", "--name", "before"]).ok();
    let now = noise(43, 64 * MIB);
    raw.write("disk", &now);
    shop.plugin(&["snapshot", "rollback", "before", "--yes"]).ok();
    is_device(&shop, "raw", "block", &before);
    shop.plugin(&["snapshot", "rollback", "before", "--undo", "--yes"]).ok();
    is_device(&shop, "raw", "block", &sha256(&now));
}
