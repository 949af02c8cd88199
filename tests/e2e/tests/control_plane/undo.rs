//! What is taken back when a part of it is refused: all that was made, and nothing that was there before.

use std::time::{Duration, Instant};

use e2e_tests::{Claim, Hold, Loss, Namespace, Refusal, Relay, TestCluster, until};
use serde_json::json;

const DRIVER: &str = "block.csi.test.kubectl-backup.dev";

/// A class of snapshots of a test's own, by the namespace's name.
fn snapshot_class(shop: &Namespace<'_>, fault: &str, value: &str) {
    let class = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass", "metadata": {"name": shop.name()},
        "driver": DRIVER, "deletionPolicy": "Delete", "parameters": {format!("fault.test/{fault}"): value}});
    shop.cluster().create(&class.to_string());
}

/// A storage class and a volume of it with a file, which somebody kept and set free. It is deleted once it is bound and let
/// go again. Returns its name and the class's.
fn free_volume(shop: &Namespace<'_>, bytes: &[u8]) -> [String; 2] {
    let cluster = shop.cluster();
    let name = format!("free-{}", shop.name());
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": DRIVER});
    cluster.create(&class.to_string());
    cluster.create(&Claim::manifest(shop.name(), "first", &name));
    cluster.wait_for(shop.name(), "pvc/first", "jsonpath={.status.phase}=Bound", 120);
    Claim::existing(shop, "first", "block").write("ledger", bytes);
    let volume = shop.kubectl(&["get", "pvc", "first", "-o", "jsonpath={.spec.volumeName}"]);
    cluster.kubectl(&["patch", "pv", &volume, "-p", r#"{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}"#]);
    shop.kubectl(&["delete", "pvc", "first"]);
    cluster.wait_for("default", &format!("pv/{volume}"), "jsonpath={.status.phase}=Released", 120);
    cluster.kubectl(&["patch", "pv", &volume, "-p", r#"{"spec":{"claimRef":null}}"#]);
    cluster.wait_for("default", &format!("pv/{volume}"), "jsonpath={.status.phase}=Available", 120);
    // Not before: one that is released would be deleted.
    cluster.kubectl(&["patch", "pv", &volume, "-p", r#"{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}"#]);
    [volume, name]
}

#[test]
fn h6_a_volume_that_was_there_outlives_a_restore_that_is_taken_back() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("undo");
    for claim in ["a", "b"] {
        Claim::block(&shop, claim);
    }
    shop.plugin(&["snapshot", "create", "a", "b", "--group", "eve"]).ok();
    let [free, class] = free_volume(&shop, b"somebody's");
    let of = |claim: &str| {
        let path =
            format!(r#"jsonpath={{.items[?(@.spec.source.persistentVolumeClaimName=="{claim}")].metadata.name}}"#);
        shop.kubectl(&["get", "volumesnapshots", "-o", &path])
    };
    let annotate = |snapshot: &str, note: &str| {
        shop.kubectl(&["annotate", "volumesnapshot", snapshot, "--overwrite", &format!("kubectl-backup.dev/{note}")]);
    };
    // The first finds a free volume, and the second is refused at once.
    annotate(&of("a"), &format!("source-storage-class={class}"));
    annotate(&of("b"), "source-size=80Mi");
    let limits = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small", "namespace": shop.name()},
        "spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "70Mi"}}]}});
    cluster.create(&limits.to_string());

    let run = shop.plugin(&["snapshot", "restore", "--group", "eve", "--name-suffix=-again"]).ends_with(1);
    let run = run.says("maximum storage usage per PersistentVolumeClaim is 70Mi");
    let run = run.says(&format!("it was bound to volume {free:?}, which was there before")).says("The PVC stays");
    assert!(!run.stderr.contains("kubectl delete"), "{}", run.stderr);
    assert_eq!(shop.kubectl(&["get", "pvc", "-o", "jsonpath={.items[*].metadata.name}"]), "a a-again b");
    assert_eq!(Claim::existing(&shop, "a-again", "block").read("ledger"), b"somebody's");
    let volume = cluster.kubectl(&["get", "pv", &free, "-o", "jsonpath={.status.phase}"]);
    assert_eq!(volume, "Bound");

    shop.kubectl(&["delete", "pvc", "a-again"]);
    cluster.kubectl(&["wait", "pv", &free, "--for=delete", "--timeout=30s"]);
    cluster.kubectl(&["delete", "storageclass", &class]);
}

/// The first line of the requests that make snapshots. Where the answer to one is held, the others are being taken by the time
/// that the command takes them back.
const CREATES: &str = "POST /apis/snapshot.storage.k8s.io/";

#[test]
fn h3_what_is_taken_back_is_gone_when_the_command_ends() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("undo");
    for claim in ["a", "b", "c", "d"] {
        Claim::block(&shop, claim);
    }
    // The snapshotter forgets what is deleted while it is taken.
    snapshot_class(&shop, "delay", "20s");
    let _refusal = Refusal::of_claim(&shop, "d");
    let relay = Relay::start(&cluster, CREATES, 1, Loss::Held);
    let args = ["snapshot", "create", "--all", "--class", shop.name(), "--request-timeout", "18s", "-n", shop.name()];
    let run = cluster.plugin_with(&relay.kubeconfig(), &args);
    assert!(relay.answers() > 0);
    // The answer that is held may be the refusal.
    assert!([1, 124].contains(&run.code), "{}", run.stderr);
    run.says("Nothing was taken: deleted again: a-");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    cluster.kubectl(&["delete", "volumesnapshotclass", shop.name()]);
}

#[test]
fn h3_a_retained_copy_goes_also_where_the_controller_let_its_snapshot_go_without_it() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("undo");
    for claim in ["a", "b"] {
        Claim::block(&shop, claim);
    }
    let class = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass", "metadata": {"name": shop.name()},
        "driver": DRIVER, "deletionPolicy": "Retain"});
    cluster.create(&class.to_string());
    let _refusal = Refusal::of_claim(&shop, "b");
    let args = ["snapshot", "create", "a", "b", "--class", shop.name(), "-n", shop.name()];
    // As if the controller did not see the change of the policy before it judges the deletion.
    let unseen = || {
        for content in shop.contents() {
            assert_eq!(content["spec"]["deletionPolicy"], "Delete");
            let name = content["metadata"]["name"].as_str().expect("a name");
            let patch = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
            cluster.kubectl(&["patch", "volumesnapshotcontent", name, "--type=merge", "-p", patch]);
        }
    };
    let delete = "DELETE /apis/snapshot.storage.k8s.io/";
    let run = Relay::first(&cluster, delete, unseen, |kubeconfig| cluster.plugin_with(kubeconfig, &args));
    shop.takes_back(&run.ends_with(1).says("refused by the test"), "");
    let left = shop.contents();
    assert!(left.iter().all(|content| content["metadata"]["deletionTimestamp"].is_string()), "{left:#?}");
    cluster.kubectl(&["delete", "volumesnapshotclass", shop.name()]);
}

#[test]
fn h3_interrupted_it_ends_soon_and_names_what_is_still_being_deleted() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("undo");
    for claim in ["a", "b"] {
        Claim::block(&shop, claim);
    }
    let held = Hold::new(&shop, "block");
    snapshot_class(&shop, "hold", held.name());
    let relay = Relay::start(&cluster, CREATES, 1, Loss::Held);
    let are_being_taken = || {
        let mark = "snapshot.storage.kubernetes.io/volumesnapshot-being-created";
        let contents = shop.contents();
        let taken = contents.iter().filter(|content| content["metadata"]["annotations"][mark] == "yes");
        taken.count() == 2
    };
    let mut interrupted = Instant::now();
    let args = ["snapshot", "create", "--all", "--class", shop.name(), "-n", shop.name()];
    let run = cluster.plugin_signalled_when(&relay.kubeconfig(), "INT", &args, || {
        until("both are being taken", Duration::from_secs(60), are_being_taken);
        interrupted = Instant::now();
    });
    let took = interrupted.elapsed();
    let run = run.ends_with(130).says("before all volumes were cut: still being deleted: a-");
    let run = run.says("slot of the quota").says("kubectl backup snapshot describe a-");
    assert!(took < Duration::from_secs(100), "it went on for {took:?}: {}", run.stderr);
    held.release();
    shop.until_snapshots_are_gone();
    cluster.kubectl(&["delete", "volumesnapshotclass", shop.name()]);
}
