//! H9: a PVC back to what it was, under a running application, also when the run is killed anywhere.

use e2e_tests::{App, Namespace, Run, TestCluster};

const SNAPSHOT: &str = "good";

/// An application whose volume has other bytes than its snapshot.
pub(super) struct Changed<'a> {
    shop: &'a Namespace<'a>,
    app: App<'a>,
    pub(super) good: String,
    pub(super) changed: String,
}

impl<'a> Changed<'a> {
    pub(super) fn start(shop: &'a Namespace<'a>, class: &str) -> Self {
        let app = App::start(shop, &[("data", class)], None);
        let good = app.checksum("data");
        shop.plugin(&["snapshot", "create", "data", "--name", SNAPSHOT]).ok();
        app.exec("head -c 2097152 /dev/urandom > /data/file; sync");
        let changed = app.checksum("data");
        assert_ne!(good, changed);
        Self { shop, app, good, changed }
    }

    pub(super) fn rollback(&self, flags: &[&str]) -> Run {
        self.shop.plugin(&[&["snapshot", "rollback", SNAPSHOT, "--yes"], flags].concat())
    }

    #[track_caller]
    pub(super) fn has(&self, checksum: &str) {
        assert_eq!(self.app.checksum("data"), checksum);
        assert_eq!(self.shop.kubectl(&["get", "deployment", "app", "-o", "jsonpath={.spec.replicas}"]), "1");
    }

    pub(super) fn volume(&self) -> String {
        self.shop.kubectl(&["get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}"])
    }

    /// Volumes of this namespace, with what becomes of each and whether a rollback left notes on it.
    fn volumes(&self) -> Vec<(String, String, bool)> {
        let all = self.shop.cluster().kubectl(&["get", "pv", "-o", "json"]);
        let all: serde_json::Value = serde_json::from_str(&all).expect("JSON");
        let of_shop = |volume: &&serde_json::Value| volume["spec"]["claimRef"]["namespace"] == self.shop.name();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let seen = |volume: &serde_json::Value| {
            let noted = volume["metadata"]["annotations"].to_string().contains("\"kubectl-backup.dev/");
            (text(&volume["metadata"]["name"]), text(&volume["spec"]["persistentVolumeReclaimPolicy"]), noted)
        };
        all["items"].as_array().expect("a list").iter().filter(of_shop).map(seen).collect()
    }

    /// After an undo: the PVC is on its first volume, nothing is noted any more, and of the other volumes exactly those
    /// that were named are kept. They are let go then.
    #[track_caller]
    pub(super) fn is_as_before(&self, volume: &str, said: &str) {
        self.has(&self.changed);
        let own = (volume.to_owned(), "Delete".to_owned(), false);
        let (first, others): (Vec<_>, Vec<_>) = self.volumes().into_iter().partition(|seen| seen.0 == volume);
        assert_eq!((self.volume(), first), (volume.to_owned(), vec![own]));
        for (name, policy, _) in others.into_iter().filter(|(_, policy, _)| policy == "Retain") {
            assert!(said.contains(&format!("kubectl patch pv {name} ")), "{name} ({policy}) is not named in {said}");
            let patch = r#"{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}"#;
            self.shop.cluster().kubectl(&["patch", "pv", &name, "-p", patch]);
            self.shop.cluster().kubectl(&["wait", "pv", &name, "--for=delete", "--timeout=60s"]);
        }
        let notes = self.shop.kubectl(&["get", "volumesnapshot", SNAPSHOT, "-o", "jsonpath={.metadata.annotations}"]);
        assert!(!notes.contains("rollback"), "{notes}");
    }

    pub(super) fn kill(&self, step: &str, flags: &[&str]) {
        let args = ["snapshot", "rollback", SNAPSHOT, "--yes", "-n", self.shop.name()];
        self.shop.cluster().plugin_killed_at(step, &[&args[..], flags].concat());
    }

    /// Kills a run while it waits for an object to go, which a finalizer holds meanwhile.
    fn kill_while_held(&self, object: &str, own: &[&str], flags: &[&str]) {
        let finalizers = |all: &[&str]| serde_json::json!({"metadata": {"finalizers": all}}).to_string();
        let held = finalizers(&[own, &["test.kubectl-backup.dev/held"]].concat());
        self.shop.kubectl(&["patch", object, "--type=merge", "-p", &held]);
        self.kill("waiting until it is gone", flags);
        // It may be gone at once.
        self.shop.kubectl(&["patch", object, "--type=merge", "-p", &finalizers(&[])]);
    }

    fn pod(&self) -> String {
        let pods = self.shop.kubectl(&["get", "pods", "-l", "app=app", "-o", "name"]);
        pods.lines().next().unwrap_or_default().to_owned()
    }
}

#[test]
fn h9_a_rollback_brings_the_snapshots_bytes_and_an_undo_those_from_before() {
    let cluster = TestCluster::node();
    for class in ["test-block-std", "test-files-std", "test-block-wait"] {
        let shop = cluster.namespace("h9");
        let changed = Changed::start(&shop, class);
        let old = changed.volume();
        let run = changed.rollback(&[]).ok();
        assert_eq!(run.stdout, "persistentvolumeclaim/data rolled back\n");
        changed.has(&changed.good);
        let again = changed.rollback(&[]).ends_with(1);
        again.says("--finish").says("--undo");
        let undone = changed.rollback(&["--undo"]).ok();
        changed.is_as_before(&old, &undone.stderr);
        changed.rollback(&["--safety", "volume"]).ok();
        changed.has(&changed.good);
        changed.rollback(&["--finish"]).ok().says("is deleted by its driver now");
        let snapshot = shop.kubectl(&["get", "volumesnapshot", SNAPSHOT, "-o", "jsonpath={.metadata.annotations}"]);
        assert!(!snapshot.contains("rollback"), "{snapshot}");
        changed.has(&changed.good);
        cluster.kubectl(&["wait", "pv", &old, "--for=delete", "--timeout=60s"]);
        assert_eq!(changed.volumes(), [(changed.volume(), "Delete".to_owned(), false)]);
    }
}

/// The lines at which a run is killed, one for each step, with those at which its undo is.
const STEPS: [(&str, &str); 7] = [
    ("keeping volume", "keeping volume"),
    ("scaling deployment/app to 0", "scaling deployment/app to 0"),
    ("deleting the PVC", "deleting the PVC"),
    ("making the PVC from the snapshot", "making volume"),
    ("waiting for the driver", "making the PVC on volume"),
    ("scaling deployment/app to 1", "scaling deployment/app to 1"),
    ("waiting until its pods are ready", "waiting until its pods are ready"),
];

#[test]
fn h9_killed_at_every_step_it_goes_on_or_back_and_loses_nothing() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    // A driver that needs a while, so that there is a time to be killed in while it fills the volume.
    // The name says which snapshot class fits: others' tests make further ones of the driver.
    let class = format!("slow-block-{}", shop.name());
    let slow = serde_json::json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": class},
        "provisioner": "block.csi.test.kubectl-backup.dev", "parameters": {"fault.test/delay": "1s"}});
    cluster.create(&slow.to_string());
    let changed = Changed::start(&shop, &class);
    let old = changed.volume();
    let safety = ["--safety", "volume"];
    for (step, back) in STEPS {
        changed.kill(step, &safety);
        changed.rollback(&[]).ends_with(1).says("--continue").says("--undo");
        shop.plugin(&["snapshot", "delete", SNAPSHOT, "--yes"]).ends_with(1).says("rollback");
        changed.rollback(&["--continue"]).ok();
        changed.has(&changed.good);
        changed.kill(back, &["--undo"]);
        let undone = changed.rollback(&["--continue"]).ok();
        changed.is_as_before(&old, &undone.stderr);
        changed.kill(step, &safety);
        let undone = changed.rollback(&["--undo"]).ok();
        changed.is_as_before(&old, &undone.stderr);
    }
    cluster.kubectl(&["delete", "storageclass", &class]);
}

#[test]
fn h9_killed_while_a_pod_or_the_pvc_goes_it_goes_on_and_back() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let changed = Changed::start(&shop, "test-files-std");
    let old = changed.volume();
    let safety = ["--safety", "volume"];
    changed.kill_while_held(&changed.pod(), &[], &safety);
    changed.rollback(&["--continue"]).ok();
    changed.has(&changed.good);
    changed.kill_while_held(&changed.pod(), &[], &["--undo"]);
    let undone = changed.rollback(&["--continue"]).ok();
    changed.is_as_before(&old, &undone.stderr);
    changed.kill_while_held("pvc/data", &["kubernetes.io/pvc-protection"], &safety);
    let undone = changed.rollback(&["--undo"]).ok();
    changed.is_as_before(&old, &undone.stderr);
}

#[test]
fn h9_an_undo_stops_and_starts_what_uses_the_pvc_on_that_day() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let changed = Changed::start(&shop, "test-block-std");
    let old = changed.volume();
    changed.rollback(&["--safety", "volume"]).ok();
    let app = shop.kubectl(&["get", "deployment", "app", "-o", "json"]);
    shop.kubectl(&["delete", "deployment", "app", "--cascade=foreground"]);
    let mut next: serde_json::Value = serde_json::from_str(&app).expect("JSON");
    next["metadata"] = serde_json::json!({"name": "next", "namespace": shop.name()});
    cluster.create(&next.to_string());
    shop.kubectl(&["rollout", "status", "deployment/next", "--timeout=120s"]);
    let undone = changed.rollback(&["--undo"]).ok();
    undone.says("scaling deployment/next to 0").says("scaling deployment/next to 1");
    assert_eq!(changed.volume(), old);
}

#[test]
fn h9_what_cannot_be_scaled_is_named_and_nothing_is_changed() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let changed = Changed::start(&shop, "test-block-std");
    let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "visitor", "namespace": shop.name()},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": test_cluster::BUSYBOX, "command": ["sleep", "600"],
            "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}});
    cluster.create(&pod.to_string());
    changed.rollback(&[]).ends_with(1).says("pod/visitor").says("nothing would start it again");
    changed.has(&changed.changed);
    shop.kubectl(&["delete", "pod", "visitor", "--now"]);
    let run = changed.rollback(&["--dry-run=client"]).ok();
    assert!(run.stdout.contains("scale deployment/app from 1 to 0"), "{}", run.stdout);
    changed.has(&changed.changed);
    assert_eq!(changed.volumes(), [(changed.volume(), "Delete".to_owned(), false)]);
}
