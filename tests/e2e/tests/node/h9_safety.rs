//! H9: the snapshot of the data as they are, while it is being taken and when it cannot be had.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use e2e_tests::{Hold, Namespace, Person, TestCluster, until};
use serde_json::json;

use super::h9_rollback::Changed;

const DRIVER: &str = "files.csi.test.kubectl-backup.dev";

/// A driver has one default class at a time.
static DEFAULT: Mutex<()> = Mutex::new(());

/// A storage class that no policy names, so that its snapshots get the driver's default class.
struct Classes<'a> {
    cluster: &'a TestCluster,
    name: String,
    _alone: MutexGuard<'static, ()>,
}

impl<'a> Classes<'a> {
    fn storage(shop: &'a Namespace<'a>) -> Self {
        let alone = DEFAULT.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("other-{}", shop.name());
        let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": DRIVER});
        shop.cluster().create(&class.to_string());
        Self { cluster: shop.cluster(), name, _alone: alone }
    }

    /// The driver's default class from now on, with a fault.
    fn snapshots(&self, fault: &str, value: &str) {
        let default = json!({"snapshot.storage.kubernetes.io/is-default-class": "true"});
        let class = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass",
            "metadata": {"name": self.name, "annotations": default}, "driver": DRIVER, "deletionPolicy": "Delete",
            "parameters": {format!("fault.test/{fault}"): value}});
        self.cluster.create(&class.to_string());
    }
}

impl Drop for Classes<'_> {
    fn drop(&mut self) {
        for kind in ["volumesnapshotclass", "storageclass"] {
            self.cluster.try_kubectl(&["delete", kind, &self.name, "--ignore-not-found"]);
        }
    }
}

#[test]
fn h9_killed_while_the_snapshot_of_the_old_data_is_being_taken_it_goes_on_or_back() {
    let cluster = TestCluster::node();
    for way in ["--continue", "--undo"] {
        let shop = cluster.namespace("h9");
        let classes = Classes::storage(&shop);
        let changed = Changed::start(&shop, &classes.name);
        let old = changed.volume();
        let held = Hold::new(&shop, "files");
        classes.snapshots("hold", held.name());
        changed.kill("being taken", &["--safety", "snapshot"]);
        let safety = |path: &str| {
            let path = format!("jsonpath={{.items[*].{path}}}");
            shop.kubectl(&["get", "volumesnapshots", "-l", "kubectl-backup.dev/safety=true", "-o", &path])
        };
        let name = safety("metadata.name");
        let ready = safety("status.readyToUse");
        assert!(!name.is_empty() && ready != "true", "{name:?} {ready:?}");
        assert_eq!(changed.volume(), old);
        if way == "--undo" {
            // It needs no snapshot.
            let undone = changed.rollback(&[way]).ok().says(&format!("Snapshot {name} stays"));
            changed.is_as_before(&old, &undone.stderr);
            held.release();
            // One that goes while it is being taken is forgotten, and holds its slot.
            shop.kubectl(&["delete", "volumesnapshots", "--all", "--wait=false"]);
            shop.until_snapshots_are_gone();
            continue;
        }
        // It goes on only once the data are safe.
        let args = ["snapshot", "rollback", "good", "--continue", "--yes", "-n", shop.name()];
        cluster
            .plugin_held_at("being taken", &args, || {
                assert_eq!(changed.volume(), old);
                held.release();
            })
            .ok();
        changed.has(&changed.good);
        changed.rollback(&["--finish"]).ok();
        shop.plugin(&["snapshot", "rollback", &name, "--yes", "--safety", "volume"]).ok();
        changed.has(&changed.changed);
    }
}

#[test]
fn h9_one_that_fails_is_dropped_by_whoever_may_roll_back() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let classes = Classes::storage(&shop);
    let changed = Changed::start(&shop, &classes.name);
    classes.snapshots("fail", "the pool is degraded");
    let person = Person::new(&shop);
    let _rights = [person.may_in_cluster("classes"), person.may_in_cluster("volumes")];
    person.may("snapshot-rollback");
    let run = person.runs(&["snapshot", "rollback", "good", "--yes"]).ok();
    let run = run.says("there is no snapshot of the data as they are").says("the pool is degraded");
    assert!(!run.stderr.contains(" stays ("), "{}", run.stderr);
    changed.has(&changed.good);
    until("it is gone", Duration::from_secs(120), || {
        shop.kubectl(&["get", "volumesnapshots", "-l", "kubectl-backup.dev/safety=true", "-o", "name"]).is_empty()
    });
    person.runs(&["snapshot", "rollback", "good", "--undo", "--yes"]).ok();
    changed.has(&changed.changed);
}
