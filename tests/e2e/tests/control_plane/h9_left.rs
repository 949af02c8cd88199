//! H9: what an undo says of the volumes that it leaves, also when others put something in their place.

use e2e_tests::{Claim, Namespace, Run, TestCluster};
use serde_json::json;

const DRIVER: &str = "block.csi.test.kubectl-backup.dev";

/// Makes a PVC `data` with other bytes than its snapshot `good`.
fn start(shop: &Namespace<'_>, class: &str) {
    shop.cluster().create(&Claim::manifest(shop.name(), "data", class));
    shop.cluster().wait_for(shop.name(), "pvc/data", "jsonpath={.status.phase}=Bound", 30);
    let claim = Claim::existing(shop, "data", "block");
    claim.write("ledger", b"good");
    shop.plugin(&["snapshot", "create", "data", "--name", "good"]).ok();
    claim.write("ledger", b"bad");
}

fn rollback(shop: &Namespace<'_>, flags: &[&str]) -> Run {
    shop.plugin(&[&["snapshot", "rollback", "good", "--yes"][..], flags].concat())
}

fn volume(shop: &Namespace<'_>) -> String {
    shop.kubectl(&["get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}"])
}

fn let_go(volume: &str) -> String {
    format!("kubectl patch pv {volume} ")
}

#[test]
fn h9_an_undo_names_what_was_written_meanwhile_also_after_somebody_made_an_empty_pvc() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    start(&shop, "test-block-std");
    rollback(&shop, &["--safety", "volume"]).ok();
    let meanwhile = volume(&shop);
    Claim::existing(&shop, "data", "block").write("ledger", b"written meanwhile");
    let undo = ["snapshot", "rollback", "good", "--undo", "--yes", "-n", shop.name()];
    cluster.plugin_killed_at("deleting the PVC", &undo);
    shop.kubectl(&["delete", "pvc", "data", "--ignore-not-found"]);
    // Continuous delivery is faster than who goes on.
    let _empty = Claim::block(&shop, "data");
    let empty = volume(&shop);
    rollback(&shop, &["--continue"]).ends_with(1).says("somebody else made a PVC \"data\"");
    shop.kubectl(&["delete", "pvc", "data"]);
    let run = rollback(&shop, &["--continue"]).ok().says(&let_go(&meanwhile));
    assert!(!run.stderr.contains(&empty), "{}", run.stderr);
    assert_eq!(Claim::existing(&shop, "data", "block").read("ledger"), b"bad");
    let patch = r#"{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}"#;
    cluster.kubectl(&["patch", "pv", &meanwhile, "-p", patch]);
}

#[test]
fn h9_an_undo_does_not_advise_to_delete_what_belongs_to_somebody_else() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    // The name says which snapshot class fits: others' tests make further ones of the driver.
    let class = format!("own-block-{}", shop.name());
    let storage = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": class},
        "provisioner": DRIVER});
    cluster.create(&storage.to_string());
    start(&shop, &class);
    let free = format!("free-{}", shop.name());
    let manifest = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": free}, "spec": {
        "capacity": {"storage": "64Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": class,
        "persistentVolumeReclaimPolicy": "Delete", "csi": {"driver": DRIVER, "volumeHandle": free}}});
    cluster.create(&manifest.to_string());
    cluster.wait_for("default", &format!("pv/{free}"), "jsonpath={.status.phase}=Available", 30);
    rollback(&shop, &["--safety", "volume"]).ends_with(1).says("which was there before");
    let undone = rollback(&shop, &["--undo"]).ok().says(&format!("Volume {free}")).says("data of somebody else");
    assert!(!undone.stderr.contains(&let_go(&free)), "{}", undone.stderr);
    assert_eq!(Claim::existing(&shop, "data", "block").read("ledger"), b"bad");
    cluster.kubectl(&["delete", "pv", &free]);
    cluster.kubectl(&["delete", "storageclass", &class]);
}
