//! H9: what is said of the volumes that stay, also when others put something in their place or take the notes away.

use e2e_tests::{Claim, Namespace, Relay, Run, TestCluster};
use serde_json::json;

const DRIVER: &str = "block.csi.test.kubectl-backup.dev";

/// Makes a PVC `data` with other bytes than its snapshot `good`.
fn start(shop: &Namespace<'_>, class: &str) {
    shop.cluster().create(&Claim::manifest(shop.name(), "data", class));
    shop.cluster().wait_for(shop.name(), "pvc/data", "jsonpath={.status.phase}=Bound", 120);
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
    cluster.wait_for("default", &format!("pv/{free}"), "jsonpath={.status.phase}=Available", 120);
    rollback(&shop, &["--safety", "volume"]).ends_with(1).says("which was there before");
    let undone = rollback(&shop, &["--undo"]).ok().says(&format!("Volume {free}")).says("data of somebody else");
    assert!(!undone.stderr.contains(&let_go(&free)), "{}", undone.stderr);
    assert_eq!(Claim::existing(&shop, "data", "block").read("ledger"), b"bad");
    cluster.kubectl(&["delete", "pv", &free]);
    cluster.kubectl(&["delete", "storageclass", &class]);
}

#[test]
fn h9_when_the_snapshot_is_deleted_in_the_middle_the_way_back_is_given_in_order() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    start(&shop, "test-block-std");
    let old = volume(&shop);
    let args = ["snapshot", "rollback", "good", "--yes", "--safety", "volume", "-n", shop.name()];
    let deleted = || {
        shop.kubectl(&["delete", "volumesnapshot", "good"]);
    };
    let run = Relay::first(&cluster, "DELETE /api/v1/namespaces/", deleted, |kubeconfig| {
        cluster.plugin_with(kubeconfig, &args)
    });
    let lost = run.ends_with(1).says("is gone, and with it the notes of the rollback");
    assert!(!lost.stderr.contains("--continue"), "{}", lost.stderr);
    // As the hints say.
    shop.kubectl(&["wait", "pvc/data", "--for=delete", "--timeout=120s"]);
    let patch = r#"{"spec":{"claimRef":{"uid":null,"resourceVersion":null}}}"#;
    let lost = lost.says(&format!("kubectl patch pv {old} --type=merge -p '{patch}'"));
    cluster.kubectl(&["patch", "pv", &old, "--type=merge", "-p", patch]);
    let (_, made) = lost.stderr.split_once("Make the PVC: printf %s '").expect("a manifest");
    let (manifest, command) = made.split_once("' | kubectl ").expect("a command");
    assert!(command.starts_with(&format!("create -n {} -f -", shop.name())), "{command}");
    cluster.create(&manifest.replace(r"'\''", "'"));
    cluster.wait_for(shop.name(), "pvc/data", "jsonpath={.status.phase}=Bound", 120);
    assert_eq!((volume(&shop), Claim::existing(&shop, "data", "block").read("ledger")), (old.clone(), b"bad".to_vec()));
    cluster.kubectl(&["patch", "pv", &old, "-p", r#"{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}"#]);
}

/// The plugin's `snapshot rollback good`, with `meanwhile` done between what it reads and the first such write.
#[track_caller]
fn overtaken(shop: &Namespace<'_>, write: &str, flags: &[&str], meanwhile: impl FnOnce()) -> Run {
    let args = [&["snapshot", "rollback", "good", "--yes", "-n", shop.name()], flags].concat();
    let cluster = shop.cluster();
    Relay::first(cluster, write, meanwhile, |kubeconfig| cluster.plugin_with(kubeconfig, &args))
}

#[test]
fn h9_what_was_let_go_is_let_go_also_when_the_snapshot_is_deleted_at_that_moment() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    start(&shop, "test-block-std");
    rollback(&shop, &["--safety", "volume"]).ok();
    let run = overtaken(&shop, "PATCH /apis/snapshot.storage.k8s.io/", &["--finish"], || {
        shop.kubectl(&["delete", "volumesnapshot", "good"]);
    });
    let run = run.ok().says("is deleted by its driver now");
    assert!(!run.stderr.contains("nothing more was done"), "{}", run.stderr);
}

#[test]
fn h9_a_volume_that_its_controllers_write_to_at_that_moment_is_read_again() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    start(&shop, "test-block-std");
    let (old, writes) = (volume(&shop), "PATCH /api/v1/persistentvolumes/");
    let touch = |time: &str| {
        cluster.kubectl(&["annotate", "pv", &old, &format!("example.test/touched={time}"), "--overwrite"]);
    };
    overtaken(&shop, writes, &["--safety", "volume"], || touch("kept")).ok();
    let meanwhile = volume(&shop);
    overtaken(&shop, writes, &["--undo"], || touch("freed")).ok();
    assert_eq!((volume(&shop), Claim::existing(&shop, "data", "block").read("ledger")), (old.clone(), b"bad".to_vec()));
    rollback(&shop, &["--safety", "volume"]).ok();
    let done = overtaken(&shop, writes, &["--finish"], || touch("let go")).ok();
    done.says(&format!("Volume {old} is deleted by its driver now."));
    cluster.kubectl(&["patch", "pv", &meanwhile, "-p", r#"{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}"#]);
}
