//! H9: the volumes of a rollback: what is kept, what is let go, and what it is filled with.

use e2e_tests::{Claim, Hold, Namespace, Person, Relay, Run, TestCluster};
use serde_json::{Value, json};

const DRIVER: &str = "block.csi.test.kubectl-backup.dev";

/// A PVC of a storage class of its own with other bytes than its snapshot `good`.
struct Ledger<'a> {
    shop: &'a Namespace<'a>,
    class: String,
}

impl<'a> Ledger<'a> {
    fn start(shop: &'a Namespace<'a>) -> Self {
        // The name says which snapshot class fits: others' tests make further ones of the driver.
        let ledger = Self { shop, class: format!("own-block-{}", shop.name()) };
        ledger.class("Immediate");
        shop.cluster().create(&Claim::manifest(shop.name(), "data", &ledger.class));
        shop.cluster().wait_for(shop.name(), "pvc/data", "jsonpath={.status.phase}=Bound", 120);
        ledger.claim().write("ledger", b"good");
        shop.plugin(&["snapshot", "create", "data", "--name", "good"]).ok();
        ledger.claim().write("ledger", b"bad");
        ledger
    }

    /// The class, with this binding mode from now on.
    fn class(&self, mode: &str) {
        self.class_with(mode, &json!({}));
    }

    /// The class, with these faults too.
    fn class_with(&self, mode: &str, parameters: &Value) {
        self.shop.cluster().try_kubectl(&["delete", "storageclass", &self.class, "--ignore-not-found"]);
        let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": self.class},
            "provisioner": DRIVER, "volumeBindingMode": mode, "parameters": parameters});
        self.shop.cluster().create(&class.to_string());
    }

    fn claim(&self) -> Claim<'a> {
        Claim::existing(self.shop, "data", "block")
    }

    fn rollback(&self, flags: &[&str]) -> Run {
        self.shop.plugin(&[&["snapshot", "rollback", "good", "--yes"], flags].concat())
    }

    fn begin(&self) -> Run {
        self.rollback(&["--safety", "volume"])
    }

    fn volume(&self) -> String {
        self.shop.kubectl(&["get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}"])
    }

    fn policy(&self, volume: &str) -> [Value; 2] {
        let volume = self.shop.cluster().kubectl(&["get", "pv", volume, "-o", "json"]);
        let volume: Value = serde_json::from_str(&volume).expect("JSON");
        let own = volume["metadata"]["annotations"]["kubectl-backup.dev/own-reclaim-policy"].clone();
        [volume["spec"]["persistentVolumeReclaimPolicy"].clone(), own]
    }

    fn set_policy(&self, volume: &str, policy: &str) {
        let patch = json!({"spec": {"persistentVolumeReclaimPolicy": policy}}).to_string();
        self.shop.cluster().kubectl(&["patch", "pv", volume, "-p", &patch]);
    }

    fn notes(&self) -> String {
        let path = r"jsonpath={.metadata.annotations.kubectl-backup\.dev/rollback}";
        self.shop.kubectl(&["get", "volumesnapshot", "good", "-o", path])
    }

    fn gone(&self, volume: &str) {
        self.shop.cluster().kubectl(&["wait", "pv", volume, "--for=delete", "--timeout=60s"]);
    }

    /// A free volume that fits the PVC. It is of nobody's storage.
    fn free_volume(&self) -> String {
        let name = format!("free-{}", self.shop.name());
        let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
            "capacity": {"storage": "64Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": self.class,
            "persistentVolumeReclaimPolicy": "Delete", "csi": {"driver": DRIVER, "volumeHandle": name}}});
        self.shop.cluster().create(&volume.to_string());
        self.shop.cluster().wait_for("default", &format!("pv/{name}"), "jsonpath={.status.phase}=Available", 120);
        name
    }
}

impl Drop for Ledger<'_> {
    fn drop(&mut self) {
        self.shop.cluster().try_kubectl(&["delete", "storageclass", &self.class, "--ignore-not-found"]);
    }
}

#[test]
fn h9_what_is_let_go_goes_and_what_is_not_is_named() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let old = ledger.volume();
    ledger.begin().ok();
    assert_eq!(ledger.policy(&old), [json!("Retain"), json!("Delete")]);
    let meanwhile = ledger.volume();
    ledger.claim().write("ledger", b"written meanwhile");
    // Killed in the middle, the run that goes on still knows the volume.
    let undo = ["snapshot", "rollback", "good", "--undo", "--yes", "-n", shop.name()];
    cluster.plugin_killed_at("deleting the PVC", &undo);
    let named = ledger.rollback(&["--continue"]).ok();
    let way = format!(r#"kubectl patch pv {meanwhile} -p '{{"spec":{{"persistentVolumeReclaimPolicy":"Delete"}}}}'"#);
    named.says(&way);
    assert_eq!((ledger.volume(), ledger.notes()), (old.clone(), String::new()));
    assert_eq!(ledger.policy(&old), [json!("Delete"), json!(null)]);
    assert_eq!(ledger.policy(&meanwhile)[0], json!("Retain"));
    ledger.set_policy(&meanwhile, "Delete");
    ledger.gone(&meanwhile);

    ledger.begin().ok();
    ledger.rollback(&["--finish"]).ok().says("is deleted by its driver now");
    ledger.gone(&old);
    assert_eq!((ledger.claim().read("ledger"), ledger.notes()), (b"good".to_vec(), String::new()));
}

#[test]
fn h9_a_volume_that_stays_of_its_own_is_finished_and_undone_too() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let old = ledger.volume();
    ledger.set_policy(&old, "Retain");
    shop.kubectl(&["label", "pvc", "data", "argocd.argoproj.io/instance=shop"]);
    ledger.begin().ok().says("PVC data is kept up to date by Argo CD");
    ledger.rollback(&["--undo"]).ok();
    assert_eq!((ledger.volume(), ledger.policy(&old)), (old.clone(), [json!("Retain"), json!(null)]));
    ledger.begin().ok();
    ledger.rollback(&["--finish"]).ok().says("stays, as its reclaim policy Retain says").says("kubectl patch pv");
    assert_eq!(ledger.notes(), "");
    ledger.set_policy(&old, "Delete");
    ledger.gone(&old);
}

#[test]
fn h9_old_data_are_not_let_go_before_there_are_new_ones() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let old = ledger.volume();
    ledger.class("WaitForFirstConsumer");
    ledger.begin().ok().says("is filled from snapshot good at its first use");
    ledger.rollback(&["--finish"]).ends_with(1).says("it has no data yet").says("--undo");
    shop.kubectl(&["delete", "pvc", "data"]);
    ledger.rollback(&["--finish"]).ends_with(1).says("it does not exist");
    cluster.create(&Claim::manifest(shop.name(), "data", &ledger.class));
    ledger.rollback(&["--finish"]).ends_with(1).says("somebody else made it since");
    ledger.rollback(&["--undo"]).ends_with(1).says("delete that PVC, then go on").says("nothing was changed");
    shop.kubectl(&["delete", "pvc", "data"]);
    assert_eq!(ledger.policy(&old)[0], json!("Retain"));
    ledger.rollback(&["--undo"]).ok();
    assert_eq!((ledger.volume(), ledger.claim().read("ledger")), (old, b"bad".to_vec()));
    // What was never filled holds nothing back.
    shop.plugin(&["snapshot", "delete", "good", "--yes"]).ok();
}

#[test]
fn h9_who_may_not_read_classes_learns_on_the_way_that_the_pvc_waits_for_a_pod() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    ledger.class("WaitForFirstConsumer");
    let person = Person::new(&shop);
    person.may("snapshot-rollback");
    let _volumes = person.may_in_cluster("volumes");
    let run = person.runs(&["snapshot", "rollback", "good", "--yes", "--safety", "volume"]).ok();
    let run = run.says("is filled from snapshot good at its first use");
    assert_eq!(run.stderr.matches("is not waited for").count(), 1, "{}", run.stderr);
    ledger.rollback(&["--undo"]).ok();
    assert_eq!(ledger.claim().read("ledger"), b"bad");
}

#[test]
fn h9_a_volume_that_the_pvc_gets_at_the_moment_of_an_undo_is_kept() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let old = ledger.volume();
    ledger.class("WaitForFirstConsumer");
    ledger.begin().ok();
    let undo = ["snapshot", "rollback", "good", "--undo", "--yes", "-n", shop.name()];
    let deletion = "DELETE /api/v1/namespaces/";
    let mut others = String::new();
    let meanwhile = || {
        others = ledger.free_volume();
        let claim = json!({"spec": {"claimRef": {"namespace": shop.name(), "name": "data"}}}).to_string();
        cluster.kubectl(&["patch", "pv", &others, "-p", &claim]);
        cluster.wait_for(shop.name(), "pvc/data", "jsonpath={.status.phase}=Bound", 120);
    };
    let run = Relay::first(&cluster, deletion, meanwhile, |kubeconfig| cluster.plugin_with(kubeconfig, &undo)).ok();
    run.says(&format!("Volume {others}")).says("data of somebody else");
    assert_eq!(ledger.policy(&others)[0], json!("Retain"));
    assert_eq!((ledger.volume(), ledger.claim().read("ledger")), (old, b"bad".to_vec()));
    cluster.kubectl(&["delete", "pv", &others]);
}

#[test]
fn h9_what_the_driver_refused_before_does_not_end_who_goes_on() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    // It is mended by the time of the next try.
    let held = Hold::new(&shop, "block");
    ledger.class_with("Immediate", &json!({"fault.test/fail-times": "1", "fault.test/hold": held.name()}));
    ledger.begin().ends_with(1).says("cannot be filled").says("--continue");
    let go_on = ["snapshot", "rollback", "good", "--continue", "--yes", "-n", shop.name()];
    cluster.plugin_held_at("waiting for the driver", &go_on, || held.release()).ok().says("is bound");
    assert_eq!(ledger.claim().read("ledger"), b"good");
    ledger.rollback(&["--finish"]).ok();
}

#[test]
fn h9_a_pvc_is_not_deleted_while_its_volume_is_attached() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let volume = ledger.volume();
    let name = format!("held-{}", shop.name());
    let attachment = json!({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": name},
        "spec": {"attacher": DRIVER, "nodeName": "some-node", "source": {"persistentVolumeName": volume}}});
    cluster.create(&attachment.to_string());
    let stopped = ledger.rollback(&["--safety", "volume", "--timeout", "4s"]).ends_with(124);
    stopped.says(&format!("volume {volume:?} is still attached after 4s")).says(&name).says("--continue");
    assert_eq!((ledger.volume(), ledger.claim().read("ledger")), (volume.clone(), b"bad".to_vec()));
    cluster.kubectl(&["delete", "volumeattachment", &name]);
    ledger.rollback(&["--continue"]).ok();
    assert_ne!(ledger.volume(), volume);
    assert_eq!(ledger.claim().read("ledger"), b"good");
    ledger.rollback(&["--finish"]).ok();
}

#[test]
fn h9_a_pvc_that_gets_a_volume_which_was_there_is_not_rolled_back() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let old = ledger.volume();
    let free = ledger.free_volume();
    let stuck = ledger.begin().ends_with(1);
    stuck.says(&format!("it was bound to volume {free:?}, which was there before")).says("--undo");
    ledger.rollback(&["--undo"]).ok();
    assert_eq!((ledger.volume(), ledger.claim().read("ledger")), (old, b"bad".to_vec()));
    // The other's volume is there still.
    assert_eq!(ledger.policy(&free)[0], json!("Retain"));
    cluster.kubectl(&["delete", "pv", &free]);
}

#[test]
fn h4_h5_a_pvc_that_gets_a_volume_which_was_there_is_not_called_filled() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h4");
    let ledger = Ledger::start(&shop);
    let verbs: [&[&str]; 2] = [&["snapshot", "restore", "good", "--to", "x"], &["clone", "data", "x"]];
    for verb in verbs {
        let free = ledger.free_volume();
        let run = shop.plugin(&[verb, &["--timeout", "120s"]].concat()).ends_with(1);
        run.says(&format!("it was bound to volume {free:?}, which was there before")).says("The PVC stays");
        // Nobody's volume is deleted with it.
        assert_eq!(ledger.policy(&free)[0], json!("Delete"));
        ledger.set_policy(&free, "Retain");
        shop.kubectl(&["delete", "pvc", "x"]);
        cluster.kubectl(&["delete", "pv", &free]);
    }
    shop.plugin(&[verbs[1], &["--timeout", "120s"]].concat()).ok();
}

#[test]
fn h5_a_clone_that_waits_for_its_first_pod_says_that_it_holds_nothing() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h5");
    let ledger = Ledger::start(&shop);
    ledger.class("WaitForFirstConsumer");
    let run = shop.plugin(&["clone", "data", "x"]).ok();
    run.says("PVC x holds nothing yet").says("Keep data until x is bound");
}
