//! Faults of a CSI driver: each ends in time, in words, and nothing is left that is not named. Each is shown for a driver over
//! block devices and for one over directories.

use std::{thread, time::Duration};

use e2e_tests::{Claim, Hold, Namespace, Refusal, TestCluster, until};
use serde_json::json;

/// How long the commands wait that are to stop waiting, and until when they have ended, with what they undo.
const TIMEOUT: &str = "4s";
const IN_TIME: Duration = Duration::from_secs(4 + 60);
/// How long those wait that are to hear of the driver's error, and until when they have ended, long before that.
const PATIENCE: &str = "5m";
const AT_ONCE: Duration = Duration::from_secs(60);
/// The same with what they undo.
const WITH_UNDO: Duration = Duration::from_secs(90);

/// A class of a test's own, which goes with the value.
struct Class<'a> {
    cluster: &'a TestCluster,
    kind: &'static str,
    family: &'static str,
    name: String,
}

impl<'a> Class<'a> {
    fn storage(shop: &'a Namespace<'a>, family: &'static str, faults: &[(&str, &str)]) -> Self {
        Self::make(shop, "StorageClass", family, faults)
    }

    fn snapshot(shop: &'a Namespace<'a>, family: &'static str, faults: &[(&str, &str)]) -> Self {
        Self::make(shop, "VolumeSnapshotClass", family, faults)
    }

    fn make(shop: &'a Namespace<'a>, kind: &'static str, family: &'static str, faults: &[(&str, &str)]) -> Self {
        let class = Self { cluster: shop.cluster(), kind, family, name: format!("faulty-{}", shop.name()) };
        class.again(faults);
        class
    }

    /// The same class with other faults: parameters of a class cannot be changed.
    fn again(&self, faults: &[(&str, &str)]) {
        let parameters: serde_json::Map<_, _> =
            faults.iter().map(|(fault, value)| (format!("fault.test/{fault}"), json!(value))).collect();
        self.cluster.try_kubectl(&["delete", self.kind, &self.name, "--ignore-not-found"]);
        let (metadata, driver) = (json!({"name": self.name}), driver(self.family));
        let class = if self.kind == "StorageClass" {
            json!({"apiVersion": "storage.k8s.io/v1", "kind": self.kind, "metadata": metadata, "provisioner": driver, "parameters": parameters})
        } else {
            json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": self.kind, "metadata": metadata, "driver": driver,
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

/// Runs a test with each storage family, side by side: most of its time it waits.
fn with_each(test: impl Fn(&TestCluster, &'static str) + Sync) {
    let cluster = TestCluster::control_plane();
    thread::scope(|scope| {
        for family in ["block", "files"] {
            let (cluster, test) = (&cluster, &test);
            scope.spawn(move || test(cluster, family));
        }
    });
}

fn driver(family: &str) -> String {
    format!("{family}.csi.test.kubectl-backup.dev")
}

/// A PVC of the family's usual class.
fn claim<'a>(shop: &'a Namespace<'a>, family: &str, name: &str) -> Claim<'a> {
    if family == "block" { Claim::block(shop, name) } else { Claim::files(shop, name) }
}

fn claims(shop: &Namespace<'_>) -> String {
    shop.kubectl(&["get", "pvc", "-o", "jsonpath={.items[*].metadata.name}"])
}

/// Deletes a content and takes away what holds it.
fn force_away(cluster: &TestCluster, content: &str) {
    cluster.kubectl(&["delete", "volumesnapshotcontent", content, "--wait=false"]);
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    cluster.try_kubectl(&["patch", "volumesnapshotcontent", content, "--type=merge", "-p", patch]);
}

#[test]
fn h1_a_snapshot_that_fails_or_never_gets_ready_is_named() {
    with_each(|cluster, family| {
        let shop = cluster.namespace("csi");
        claim(&shop, family, "data");
        let class = Class::snapshot(&shop, family, &[("fail", "the pool is degraded")]);
        let create = |name: &str, timeout: &str| {
            shop.plugin(&["snapshot", "create", "data", "--name", name, "--class", &class.name, "--timeout", timeout])
        };
        let run = create("failed", PATIENCE).ends_in(1, AT_ONCE);
        run.says("the pool is degraded").says("kubectl backup snapshot delete failed");
        class.again(&[("not-ready-for", "never")]);
        let run = create("never", TIMEOUT).ends_in(124, IN_TIME);
        run.says("is not ready after 4s").says("kubectl backup snapshot describe never");
        let early =
            |args: &[&str]| drop(shop.plugin(args).ends_in(1, AT_ONCE).says("is not ready to be restored from"));
        early(&["snapshot", "restore", "never", "--to", "x"]);
        early(&["snapshot", "rollback", "never", "--yes"]);
        let held = Hold::new(&shop, family);
        class.again(&[("hold", held.name())]);
        create("slow", TIMEOUT).ends_in(124, IN_TIME).says("is not ready after 4s");
        held.release();
        cluster.wait_for(shop.name(), "volumesnapshot/slow", "jsonpath={.status.readyToUse}=true", 120);
        // What failed, what never gets ready and what was slow all go.
        shop.plugin(&["snapshot", "delete", "failed", "never", "slow", "--yes"]).ok();
        assert_eq!(claims(&shop), "data");
    });
}

#[test]
fn h1_a_content_that_is_forced_away_meanwhile_does_not_hold_the_command() {
    with_each(|cluster, family| {
        let shop = cluster.namespace("csi");
        claim(&shop, family, "data");
        let class = Class::snapshot(&shop, family, &[("not-ready-for", "never")]);
        let args = ["snapshot", "create", "data", "--name", "torn", "--class", &class.name, "--timeout", "12s"];
        thread::scope(|scope| {
            let run = scope.spawn(|| shop.plugin(&args));
            let path = "jsonpath={.status.boundVolumeSnapshotContentName}";
            let mut content = String::new();
            until("the snapshot has a content", Duration::from_secs(60), || {
                content = shop.try_kubectl(&["get", "volumesnapshot", "torn", "-o", path]).stdout;
                !content.is_empty()
            });
            force_away(cluster, &content);
            let run = run.join().expect("the plugin ran").ends_in(124, Duration::from_secs(12 + 60));
            run.says("is not ready after 12s").says("kubectl backup snapshot describe torn");
        });
        shop.plugin(&["snapshot", "delete", "torn", "--yes", "--timeout", "120s"]).ok();
    });
}

#[test]
fn h4_h5_a_volume_that_cannot_be_filled_is_removed_again_and_a_slow_one_named() {
    with_each(|cluster, family| {
        let verbs: [&[&str]; 2] = [&["snapshot", "restore", "snap", "--to", "x"], &["clone", "data", "x"]];
        for verb in verbs {
            let shop = cluster.namespace("csi");
            claim(&shop, family, "data");
            shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
            let class = Class::storage(&shop, family, &[("fail", "the pool is degraded")]);
            let run =
                |timeout: &str| shop.plugin(&[verb, &["--storage-class", &class.name, "--timeout", timeout]].concat());
            let failed = run(PATIENCE).ends_in(1, WITH_UNDO);
            failed.says("the pool is degraded").says("What was made was removed again");
            assert_eq!(claims(&shop), "data");
            let held = Hold::new(&shop, family);
            class.again(&[("hold", held.name())]);
            run(TIMEOUT).ends_in(124, IN_TIME).says("is not bound after 4s").says("kubectl describe pvc x");
            held.release();
            cluster.wait_for(shop.name(), "pvc/x", "jsonpath={.status.phase}=Bound", 120);
        }
    });
}

#[test]
fn h4_h6_data_that_are_gone_are_named_before_or_by_the_driver() {
    with_each(|cluster, family| {
        let (shop, depot) = (cluster.namespace("csi"), cluster.namespace("csi"));
        claim(&shop, family, "data");
        let class = Class::snapshot(&shop, family, &[("lose-content", "true")]);
        shop.plugin(&["snapshot", "create", "data", "--name", "empty", "--class", &class.name]).ok();
        let restore = ["snapshot", "restore", "empty", "--to", "x", "--timeout", PATIENCE];
        shop.plugin(&restore).ends_in(1, WITH_UNDO).says("DataLoss").says("What was made was removed again");
        let run = shop.plugin(&[&restore[..], &["--to-namespace", depot.name()]].concat()).ends_in(1, WITH_UNDO);
        run.says("DataLoss").says("What was made was removed again");
        assert_eq!([claims(&shop), claims(&depot)], ["data", ""]);
        assert_eq!(depot.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    });
}

#[test]
fn h4_h6_a_content_that_is_forced_away_is_named_unless_it_is_made_again() {
    with_each(|cluster, family| {
        let shop = cluster.namespace("csi");
        claim(&shop, family, "data");
        shop.plugin(&["snapshot", "create", "data", "--name", "torn"]).ok();
        let content = "jsonpath={.status.boundVolumeSnapshotContentName}";
        let content = shop.kubectl(&["get", "volumesnapshot", "torn", "-o", content]);
        let handle =
            cluster.kubectl(&["get", "volumesnapshotcontent", &content, "-o", "jsonpath={.status.snapshotHandle}"]);
        let named = format!("given-{}", shop.name());
        let second = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotContent", "metadata": {"name": named},
            "spec": {"driver": driver(family), "deletionPolicy": "Retain", "source": {"snapshotHandle": handle},
                "volumeSnapshotRef": {"name": "given", "namespace": shop.name()}}});
        cluster.create(&second.to_string());
        let given = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
            "metadata": {"name": "given", "namespace": shop.name()}, "spec": {"source": {"volumeSnapshotContentName": named}}});
        cluster.create(&given.to_string());
        cluster.wait_for(shop.name(), "volumesnapshot/given", "jsonpath={.status.readyToUse}=true", 120);
        force_away(cluster, &content);
        force_away(cluster, &named);
        let class = format!("test-{family}-std");
        let run = shop.plugin(&["snapshot", "restore", "given", "--to", "x", "--storage-class", &class]);
        run.ends_with(1).says("nothing can be restored").says("is gone");
        assert_eq!(claims(&shop), "data");
        // The controllers make the content of a snapshot of a PVC again, and no other.
        until("the content is there again", Duration::from_secs(60), || {
            let get = ["get", "volumesnapshotcontent", &content, "-o", "jsonpath={.status.readyToUse}"];
            cluster.try_kubectl(&get).stdout == "true"
        });
        // The snapshot was told that its content is gone before that was made again.
        cluster.wait_for(shop.name(), "volumesnapshot/torn", "jsonpath={.status.readyToUse}=true", 120);
        shop.plugin(&["snapshot", "restore", "torn", "--to", "healed"]).ok();
        shop.plugin(&["snapshot", "delete", "torn", "given", "--yes"]).ok();
    });
}

#[test]
fn h7_a_driver_that_fails_to_delete_is_named() {
    with_each(|cluster, family| {
        let shop = cluster.namespace("csi");
        claim(&shop, family, "data");
        // Tried again sooner and later, and then every 5 s.
        let class = Class::snapshot(&shop, family, &[("fail-delete-times", "16")]);
        shop.plugin(&["snapshot", "create", "data", "--name", "sticky", "--class", &class.name]).ok();
        let delete = ["snapshot", "delete", "sticky", "--yes", "--timeout", "20s"];
        let run = shop.plugin(&delete).ends_in(124, Duration::from_secs(20 + 60));
        run.says("its driver fails to delete the storage's copy").says("slot");
        cluster.kubectl(&["wait", "-n", shop.name(), "volumesnapshot/sticky", "--for=delete", "--timeout=120s"]);
    });
}

#[test]
fn h7_what_is_deleted_while_it_is_taken_goes_in_time() {
    with_each(|cluster, family| {
        let shop = cluster.namespace("csi");
        for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            claim(&shop, family, name);
        }
        let class = Class::snapshot(&shop, family, &[("delay", "1s")]);
        // Whether the snapshotter forgets one, for minutes, is chance: of so many it does.
        for group in ["first", "second"] {
            let args = ["snapshot", "create", "--all", "--class", &class.name, "--group", group, "--no-wait"];
            shop.plugin(&args).ok();
            shop.plugin(&["snapshot", "delete", "--group", group, "--yes", "--timeout", "120s"]).ok();
        }
    });
}

#[test]
fn h9_a_rollback_that_cannot_be_filled_goes_back_or_on() {
    with_each(|cluster, family| {
        let shop = cluster.namespace("csi");
        let class = Class::storage(&shop, family, &[]);
        cluster.create(&Claim::manifest(shop.name(), "data", &class.name));
        cluster.wait_for(shop.name(), "pvc/data", "jsonpath={.status.phase}=Bound", 120);
        let data = || Claim::existing(&shop, "data", family);
        data().write("ledger", b"good");
        let usual = format!("{family}-snapshot");
        shop.plugin(&["snapshot", "create", "data", "--name", "snap", "--class", &usual]).ok();
        data().write("ledger", b"bad");
        let rollback = |flags: &[&str]| {
            shop.plugin(&[&["snapshot", "rollback", "snap", "--yes", "--timeout", PATIENCE][..], flags].concat())
        };
        class.again(&[("fail", "the pool is degraded")]);
        let failed = || rollback(&["--safety", "volume"]).ends_in(1, WITH_UNDO).says("the pool is degraded");
        failed().says("--continue").says("--undo");
        rollback(&["--undo"]).ok();
        assert_eq!(data().read("ledger"), b"bad");
        // What was being filled from it holds it no more.
        let finalizers = shop.kubectl(&["get", "volumesnapshot", "snap", "-o", "jsonpath={.metadata.finalizers}"]);
        assert!(!finalizers.contains("provisioner"), "{finalizers}");
        drop(failed());
        class.again(&[]);
        // The provisioner may keep the class's parameters of its last try for the next one.
        cluster.wait_for(shop.name(), "pvc/data", "jsonpath={.status.phase}=Bound", 120);
        rollback(&["--continue"]).ok();
        assert_eq!(data().read("ledger"), b"good");
    });
}

#[test]
fn h3_what_is_taken_back_leaves_nothing_on_the_storage_also_where_the_class_retains() {
    with_each(|cluster, family| {
        let shop = cluster.namespace("csi");
        for name in ["a", "b"] {
            claim(&shop, family, name);
        }
        let name = format!("retain-{}", shop.name());
        let class = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass", "metadata": {"name": name},
            "driver": driver(family), "deletionPolicy": "Retain"});
        cluster.create(&class.to_string());
        let _refusal = Refusal::of_claim(&shop, "b");
        let run = shop.plugin(&["snapshot", "create", "a", "b", "--class", &name]).ends_with(1);
        shop.takes_back(&run.says("refused by the test"), "");
        // The snapshotter (8.7) sees to a content that was deleted while it was taken only when it looks again, in minutes.
        until("the content goes, and the storage's copy with it", Duration::from_secs(60), || {
            shop.contents().iter().all(|content| {
                content["metadata"]["deletionTimestamp"].is_string() && content["spec"]["deletionPolicy"] == "Delete"
            })
        });
        cluster.kubectl(&["delete", "volumesnapshotclass", &name]);
    });
}
