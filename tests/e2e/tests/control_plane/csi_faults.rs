//! Faults of a CSI driver: each ends in time, in words, and nothing is left that is not named.

use std::{thread, time::Duration};

use e2e_tests::{Claim, Namespace, Refusal, TestCluster, until};
use serde_json::json;

const BLOCK: &str = "block.csi.test.kubectl-backup.dev";
const FILES: &str = "files.csi.test.kubectl-backup.dev";
/// What the tests wait for at most, and until when a command has ended that waits for so long. What is undone takes its own
/// time on top.
const TIMEOUT: &str = "4s";
const IN_TIME: Duration = Duration::from_secs(4 + 11);
const WITH_UNDO: Duration = Duration::from_secs(4 + 30);

/// A class of a test's own, which goes with the value.
struct Class<'a> {
    cluster: &'a TestCluster,
    kind: &'static str,
    driver: &'static str,
    name: String,
}

impl<'a> Class<'a> {
    fn storage(shop: &'a Namespace<'a>, faults: &[(&str, &str)]) -> Self {
        Self::make(shop, "StorageClass", BLOCK, faults)
    }

    fn snapshot(shop: &'a Namespace<'a>, faults: &[(&str, &str)]) -> Self {
        Self::make(shop, "VolumeSnapshotClass", BLOCK, faults)
    }

    fn make(shop: &'a Namespace<'a>, kind: &'static str, driver: &'static str, faults: &[(&str, &str)]) -> Self {
        let class = Self { cluster: shop.cluster(), kind, driver, name: format!("faulty-{}", shop.name()) };
        class.again(faults);
        class
    }

    /// The same class with other faults: parameters of a class cannot be changed.
    fn again(&self, faults: &[(&str, &str)]) {
        let parameters: serde_json::Map<_, _> =
            faults.iter().map(|(fault, value)| (format!("fault.test/{fault}"), json!(value))).collect();
        self.cluster.try_kubectl(&["delete", self.kind, &self.name, "--ignore-not-found"]);
        let metadata = json!({"name": self.name});
        let class = if self.kind == "StorageClass" {
            json!({"apiVersion": "storage.k8s.io/v1", "kind": self.kind, "metadata": metadata, "provisioner": self.driver, "parameters": parameters})
        } else {
            json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": self.kind, "metadata": metadata, "driver": self.driver,
                "deletionPolicy": "Delete", "parameters": parameters})
        };
        self.cluster.create(&class.to_string());
    }
}

impl Drop for Class<'_> {
    fn drop(&mut self) {
        self.cluster.try_kubectl(&["delete", self.kind, &self.name, "--ignore-not-found"]);
    }
}

fn claims(shop: &Namespace<'_>) -> String {
    shop.kubectl(&["get", "pvc", "-o", "jsonpath={.items[*].metadata.name}"])
}

#[test]
fn h1_a_snapshot_that_fails_or_never_gets_ready_is_named() {
    let cluster = TestCluster::control_plane();
    // A driver over block devices and one over directories.
    for driver in [BLOCK, FILES] {
        let shop = cluster.namespace("csi");
        let _data = if driver == BLOCK { Claim::block(&shop, "data") } else { Claim::files(&shop, "data") };
        let class = Class::make(&shop, "VolumeSnapshotClass", driver, &[("fail", "the pool is degraded")]);
        let create = |name: &str| {
            shop.plugin(&["snapshot", "create", "data", "--name", name, "--class", &class.name, "--timeout", TIMEOUT])
        };
        let run = create("failed").ends_in(1, IN_TIME);
        run.says("the pool is degraded").says("kubectl backup snapshot delete failed");
        class.again(&[("not-ready-for", "never")]);
        let run = create("never").ends_in(124, IN_TIME);
        run.says("is not ready after 4s").says("kubectl backup snapshot describe never");
        let early =
            |args: &[&str]| drop(shop.plugin(args).ends_in(1, IN_TIME).says("is not ready to be restored from"));
        early(&["snapshot", "restore", "never", "--to", "x"]);
        early(&["snapshot", "rollback", "never", "--yes"]);
        class.again(&[("delay", "6s")]);
        create("slow").ends_in(124, IN_TIME).says("is not ready after 4s");
        cluster.wait_for(shop.name(), "volumesnapshot/slow", "jsonpath={.status.readyToUse}=true", 60);
        // What failed, what never gets ready and what was slow all go.
        shop.plugin(&["snapshot", "delete", "failed", "never", "slow", "--yes"]).ok();
        assert_eq!(claims(&shop), "data");
    }
}

#[test]
fn h1_a_content_that_is_forced_away_meanwhile_does_not_hold_the_command() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("csi");
    Claim::block(&shop, "data");
    let class = Class::snapshot(&shop, &[("not-ready-for", "never")]);
    let args = ["snapshot", "create", "data", "--name", "torn", "--class", &class.name, "--timeout", "12s"];
    thread::scope(|scope| {
        let run = scope.spawn(|| shop.plugin(&args));
        let path = "jsonpath={.status.boundVolumeSnapshotContentName}";
        let mut content = String::new();
        until("the snapshot has a content", Duration::from_secs(30), || {
            content = shop.try_kubectl(&["get", "volumesnapshot", "torn", "-o", path]).stdout;
            !content.is_empty()
        });
        cluster.kubectl(&["delete", "volumesnapshotcontent", &content, "--wait=false"]);
        let patch = r#"{"metadata":{"finalizers":null}}"#;
        cluster.try_kubectl(&["patch", "volumesnapshotcontent", &content, "--type=merge", "-p", patch]);
        let run = run.join().expect("the plugin ran").ends_in(124, Duration::from_secs(12 + 11));
        run.says("is not ready after 12s").says("kubectl backup snapshot describe torn");
    });
    shop.plugin(&["snapshot", "delete", "torn", "--yes", "--timeout", "60s"]).ok();
}

#[test]
fn h4_h5_a_volume_that_cannot_be_filled_is_removed_again_and_a_slow_one_named() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("csi");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let class = Class::storage(&shop, &[("fail", "the pool is degraded")]);
    let verbs: [&[&str]; 2] = [&["snapshot", "restore", "snap", "--to", "x"], &["clone", "data", "x"]];
    for verb in verbs {
        let run = || shop.plugin(&[verb, &["--storage-class", &class.name, "--timeout", TIMEOUT]].concat());
        class.again(&[("fail", "the pool is degraded")]);
        run().ends_in(1, WITH_UNDO).says("the pool is degraded").says("What was made was removed again");
        assert_eq!(claims(&shop), "data");
        class.again(&[("delay", "8s")]);
        run().ends_in(124, IN_TIME).says("is not bound after 4s").says("kubectl describe pvc x");
        cluster.wait_for(shop.name(), "pvc/x", "jsonpath={.status.phase}=Bound", 60);
        shop.kubectl(&["delete", "pvc", "x"]);
    }
}

#[test]
fn h4_h6_data_that_are_gone_are_named_before_or_by_the_driver() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("csi"), cluster.namespace("csi"));
    Claim::block(&shop, "data");
    let class = Class::snapshot(&shop, &[("lose-content", "true")]);
    shop.plugin(&["snapshot", "create", "data", "--name", "empty", "--class", &class.name]).ok();
    let restore = ["snapshot", "restore", "empty", "--to", "x", "--timeout", "20s"];
    let in_time = Duration::from_secs(20 + 30);
    shop.plugin(&restore).ends_in(1, in_time).says("DataLoss").says("What was made was removed again");
    let run = shop.plugin(&[&restore[..], &["--to-namespace", depot.name()]].concat()).ends_in(1, in_time);
    run.says("DataLoss").says("What was made was removed again");
    assert_eq!([claims(&shop), claims(&depot)], ["data", ""]);
    assert_eq!(depot.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");

    // Somebody forces the content away: the controllers make that of a snapshot of a PVC again, and no other.
    shop.plugin(&["snapshot", "create", "data", "--name", "torn"]).ok();
    let field = |snapshot: &str, path: &str| shop.kubectl(&["get", "volumesnapshot", snapshot, "-o", path]);
    let content = field("torn", "jsonpath={.status.boundVolumeSnapshotContentName}");
    let handle =
        cluster.kubectl(&["get", "volumesnapshotcontent", &content, "-o", "jsonpath={.status.snapshotHandle}"]);
    let named = format!("given-{}", shop.name());
    let second = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotContent", "metadata": {"name": named},
        "spec": {"driver": BLOCK, "deletionPolicy": "Retain", "source": {"snapshotHandle": handle},
            "volumeSnapshotRef": {"name": "given", "namespace": shop.name()}}});
    cluster.create(&second.to_string());
    cluster.create(&json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": {"name": "given", "namespace": shop.name()},
        "spec": {"source": {"volumeSnapshotContentName": named}}}).to_string());
    cluster.wait_for(shop.name(), "volumesnapshot/given", "jsonpath={.status.readyToUse}=true", 30);
    for content in [&content, &named] {
        cluster.kubectl(&["delete", "volumesnapshotcontent", content, "--wait=false"]);
        let patch = r#"{"metadata":{"finalizers":null}}"#;
        cluster.kubectl(&["patch", "volumesnapshotcontent", content, "--type=merge", "-p", patch]);
    }
    let given = ["snapshot", "restore", "given", "--to", "x", "--storage-class", "test-block-std"];
    shop.plugin(&given).ends_with(1).says("nothing can be restored").says("is gone");
    assert_eq!(claims(&shop), "data");
    cluster.wait_for("default", &format!("volumesnapshotcontent/{content}"), "jsonpath={.status.readyToUse}=true", 30);
    shop.plugin(&["snapshot", "restore", "torn", "--to", "healed"]).ok();
    shop.plugin(&["snapshot", "delete", "torn", "given", "--yes"]).ok();
}

#[test]
fn h7_a_driver_that_fails_to_delete_is_named() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("csi");
    Claim::block(&shop, "data");
    let class = Class::snapshot(&shop, &[("fail-delete-times", "6")]);
    shop.plugin(&["snapshot", "create", "data", "--name", "sticky", "--class", &class.name]).ok();
    let run = shop.plugin(&["snapshot", "delete", "sticky", "--yes", "--timeout", TIMEOUT]).ends_in(124, IN_TIME);
    run.says("its driver fails to delete the storage's copy").says("slot");
    cluster.kubectl(&["wait", "-n", shop.name(), "volumesnapshot/sticky", "--for=delete", "--timeout=60s"]);
}

#[test]
fn h7_what_is_deleted_while_it_is_taken_goes_in_time() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("csi");
    for claim in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        Claim::block(&shop, claim);
    }
    let class = Class::snapshot(&shop, &[("delay", "1s")]);
    // Whether the snapshotter forgets one is chance: of so many it does.
    for group in ["first", "second"] {
        let args = ["snapshot", "create", "--all", "--class", &class.name, "--group", group, "--no-wait"];
        shop.plugin(&args).ok();
        shop.plugin(&["snapshot", "delete", "--group", group, "--yes", "--timeout", "40s"]).ok();
    }
}

#[test]
fn h9_a_rollback_that_cannot_be_filled_goes_back_or_on() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("csi");
    let class = Class::storage(&shop, &[]);
    cluster.create(&Claim::manifest(shop.name(), "data", &class.name));
    cluster.wait_for(shop.name(), "pvc/data", "jsonpath={.status.phase}=Bound", 30);
    let read = || Claim::existing(&shop, "data", "block").read("ledger");
    Claim::existing(&shop, "data", "block").write("ledger", b"good");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap", "--class", "block-snapshot"]).ok();
    Claim::existing(&shop, "data", "block").write("ledger", b"bad");
    let rollback = |flags: &[&str]| {
        shop.plugin(&[&["snapshot", "rollback", "snap", "--yes", "--timeout", "10s"][..], flags].concat())
    };
    let safety = ["--safety", "volume"];
    class.again(&[("fail", "the pool is degraded")]);
    let failed = || rollback(&safety).ends_in(1, Duration::from_secs(10 + 30)).says("the pool is degraded");
    failed().says("--continue").says("--undo");
    rollback(&["--undo"]).ok();
    assert_eq!(read(), b"bad");
    // What was being filled from it holds it no more.
    let finalizers = shop.kubectl(&["get", "volumesnapshot", "snap", "-o", "jsonpath={.metadata.finalizers}"]);
    assert!(!finalizers.contains("provisioner"), "{finalizers}");
    drop(failed());
    class.again(&[]);
    // The provisioner keeps the class's parameters of its first try with the PVC's next one.
    rollback(&["--continue", "--timeout", "60s"]);
    cluster.wait_for(shop.name(), "pvc/data", "jsonpath={.status.phase}=Bound", 90);
    rollback(&["--continue"]).ok();
    assert_eq!(read(), b"good");
}

#[test]
fn h3_what_is_taken_back_leaves_nothing_on_the_storage_also_where_the_class_retains() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("csi");
    for claim in ["a", "b"] {
        Claim::block(&shop, claim);
    }
    let name = format!("retain-{}", shop.name());
    let class = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass", "metadata": {"name": name},
        "driver": BLOCK, "deletionPolicy": "Retain"});
    cluster.create(&class.to_string());
    let _refusal = Refusal::of_claim(&shop, "b");
    let run = shop.plugin(&["snapshot", "create", "a", "b", "--class", &name]).ends_with(1);
    run.says("refused by the test").says("deleted again: ");
    let contents = || -> serde_json::Value {
        let listed = cluster.kubectl(&["get", "volumesnapshotcontents", "-o", "json"]);
        serde_json::from_str(&listed).expect("a list")
    };
    // The snapshotter (8.7) sees to a content that was deleted while it was taken only when it looks again, in minutes.
    until("the content goes, and the storage's copy with it", Duration::from_secs(30), || {
        let contents = contents();
        let own = |content: &&serde_json::Value| content["spec"]["volumeSnapshotRef"]["namespace"] == shop.name();
        contents["items"].as_array().into_iter().flatten().filter(own).all(|content| {
            content["metadata"]["deletionTimestamp"].is_string() && content["spec"]["deletionPolicy"] == "Delete"
        })
    });
    cluster.kubectl(&["delete", "volumesnapshotclass", &name]);
}
