//! H9: a PVC back to what it was, under a running application, also when the run is killed anywhere.

use e2e_tests::{App, Namespace, Run, TestCluster};

const SNAPSHOT: &str = "good";

/// An application whose volume has other bytes than its snapshot.
struct Changed<'a> {
    shop: &'a Namespace<'a>,
    app: App<'a>,
    good: String,
    changed: String,
}

impl<'a> Changed<'a> {
    fn start(shop: &'a Namespace<'a>, class: &str) -> Self {
        let app = App::start(shop, &[("data", class)], None);
        let good = app.checksum("data");
        shop.plugin(&["snapshot", "create", "data", "--name", SNAPSHOT]).ok();
        app.exec("head -c 2097152 /dev/urandom > /data/file; sync");
        let changed = app.checksum("data");
        assert_ne!(good, changed);
        Self { shop, app, good, changed }
    }

    fn rollback(&self, flags: &[&str]) -> Run {
        self.shop.plugin(&[&["snapshot", "rollback", SNAPSHOT, "--yes"], flags].concat())
    }

    #[track_caller]
    fn has(&self, checksum: &str) {
        assert_eq!(self.app.checksum("data"), checksum);
        assert_eq!(self.shop.kubectl(&["get", "deployment", "app", "-o", "jsonpath={.spec.replicas}"]), "1");
    }

    /// The volumes that a rollback keeps for this PVC.
    fn kept(&self) -> Vec<String> {
        let all = self.shop.cluster().kubectl(&["get", "pv", "-o", "json"]);
        let all: serde_json::Value = serde_json::from_str(&all).expect("JSON");
        let of_shop = |volume: &&serde_json::Value| volume["spec"]["claimRef"]["namespace"] == self.shop.name();
        let volumes = all["items"].as_array().expect("a list").iter().filter(of_shop);
        let kept = volumes.filter(|volume| volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain");
        kept.map(|volume| volume["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Lets go of what is kept, so that the driver deletes it.
    fn clean(&self) {
        let all = self.kept();
        for volume in &all {
            let patch = r#"{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}"#;
            self.shop.cluster().kubectl(&["patch", "pv", volume, "-p", patch]);
        }
    }
}

#[test]
fn h9_a_rollback_brings_the_snapshots_bytes_and_an_undo_those_from_before() {
    let cluster = TestCluster::node();
    for class in ["test-block-std", "test-files-std", "test-block-wait"] {
        let shop = cluster.namespace("h9");
        let changed = Changed::start(&shop, class);
        let run = changed.rollback(&[]).ok();
        assert_eq!(run.stdout, "persistentvolumeclaim/data rolled back\n");
        changed.has(&changed.good);
        let again = changed.rollback(&[]).ends_with(1);
        again.says("--finish").says("--undo");
        changed.rollback(&["--undo"]).ok();
        changed.has(&changed.changed);
        changed.rollback(&["--safety", "volume"]).ok();
        changed.has(&changed.good);
        changed.rollback(&["--finish"]).ok().says("is deleted by its driver now");
        let snapshot = shop.kubectl(&["get", "volumesnapshot", SNAPSHOT, "-o", "jsonpath={.metadata.annotations}"]);
        assert!(!snapshot.contains("rollback"), "{snapshot}");
        changed.has(&changed.good);
        changed.clean();
    }
}

/// The lines at which a run is killed: one for each step.
const STEPS: [&str; 7] = [
    "keeping volume",
    "scaling deployment/app to 0",
    "deleting the PVC",
    "making the PVC from the snapshot",
    "pvc data: waiting",
    "scaling deployment/app to 1",
    "waiting until its pods are ready",
];

#[test]
fn h9_killed_at_every_step_it_goes_on_or_back_and_loses_nothing() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let changed = Changed::start(&shop, "test-block-std");
    for step in STEPS {
        let kill = |step: &str| {
            let args = ["snapshot", "rollback", SNAPSHOT, "--yes", "--safety", "volume", "-n", shop.name()];
            cluster.plugin_killed_at(step, &args);
        };
        kill(step);
        changed.rollback(&[]).ends_with(1).says("--continue").says("--undo");
        shop.plugin(&["snapshot", "delete", SNAPSHOT, "--yes"]).ends_with(1).says("rollback");
        changed.rollback(&["--continue"]).ok();
        changed.has(&changed.good);
        changed.rollback(&["--undo"]).ok();
        changed.has(&changed.changed);
        kill(step);
        changed.rollback(&["--undo"]).ok();
        changed.has(&changed.changed);
        changed.clean();
    }
}

#[test]
fn h9_a_run_killed_while_its_undo_is_under_way_goes_on_back() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let changed = Changed::start(&shop, "test-files-std");
    for step in ["scaling deployment/app to 0", "deleting the PVC", "making volume", "making the PVC on volume"] {
        changed.rollback(&["--safety", "volume"]).ok();
        changed.has(&changed.good);
        let undo = ["snapshot", "rollback", SNAPSHOT, "--undo", "--yes", "-n", shop.name()];
        cluster.plugin_killed_at(step, &undo);
        changed.rollback(&["--continue"]).ok();
        changed.has(&changed.changed);
        changed.clean();
    }
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
    assert_eq!(changed.kept(), Vec::<String>::new());
}
