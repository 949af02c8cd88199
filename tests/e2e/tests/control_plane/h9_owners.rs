//! H9: owners of a PVC that come and go while it is rolled back. The garbage collector deletes what has none of its owners.

use e2e_tests::{Claim, Namespace, Person, Relay, Run, TestCluster};
use serde_json::json;

/// A PVC that a ConfigMap owns, with other bytes than its snapshot `good`.
struct Owned<'a> {
    shop: &'a Namespace<'a>,
    owner: String,
}

impl<'a> Owned<'a> {
    fn start(shop: &'a Namespace<'a>) -> Self {
        Claim::block(shop, "data").write("ledger", b"good");
        shop.plugin(&["snapshot", "create", "data", "--name", "good"]).ok();
        let owned = Self { shop, owner: owner(shop) };
        owned.claim().write("ledger", b"bad");
        let owners = json!({"metadata": {"ownerReferences": [reference(&owned.owner)]}}).to_string();
        shop.kubectl(&["patch", "pvc", "data", "--type=merge", "-p", &owners]);
        owned
    }

    fn claim(&self) -> Claim<'a> {
        Claim::existing(self.shop, "data", "block")
    }

    fn rollback(&self, flags: &[&str]) -> Run {
        self.shop.plugin(&[&["snapshot", "rollback", "good", "--yes", "--safety", "volume"][..], flags].concat())
    }

    fn undo(&self) -> Run {
        self.shop.plugin(&["snapshot", "rollback", "good", "--undo", "--yes"])
    }

    fn field(&self, path: &str) -> String {
        self.shop.kubectl(&["get", "pvc", "data", "-o", &format!("jsonpath={path}")])
    }

    /// The owner goes, without what it owns, and another of its name comes.
    fn replace_owner(&self) {
        self.shop.kubectl(&["delete", "configmap", "owner", "--cascade=orphan"]);
        assert_ne!(owner(self.shop), self.owner);
    }

    /// Waits until the garbage collector has deleted something that the first owner owned.
    fn collected(&self) {
        let canary = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "canary",
            "namespace": self.shop.name(), "ownerReferences": [reference(&self.owner)]}});
        self.shop.cluster().create(&canary.to_string());
        self.shop.kubectl(&["wait", "configmap/canary", "--for=delete", "--timeout=60s"]);
    }

    /// The PVC stays as it is, with these bytes.
    #[track_caller]
    fn stays_with(&self, bytes: &[u8]) {
        let uid = self.field("{.metadata.uid}");
        self.collected();
        assert_eq!(self.field("{.metadata.uid}{.metadata.deletionTimestamp}"), uid);
        assert_eq!(self.claim().read("ledger"), bytes);
    }
}

/// Makes the owner and returns its uid.
fn owner(shop: &Namespace<'_>) -> String {
    shop.kubectl(&["create", "configmap", "owner", "-o", "jsonpath={.metadata.uid}"])
}

fn reference(uid: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "blockOwnerDeletion": true})
}

const LEFT_OUT: &str =
    "PVC data is made without its owner configmap/owner, which is gone; the one of that name is another";

#[test]
fn h9_an_undo_after_the_owner_was_made_anew_keeps_the_old_data() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let owned = Owned::start(&shop);
    owned.rollback(&[]).ok();
    // An owner that is there stays the PVC's.
    assert_eq!(owned.field("{.metadata.ownerReferences[*].uid}"), owned.owner);
    owned.replace_owner();
    owned.undo().ok().says(LEFT_OUT);
    assert_eq!(owned.field("{.metadata.ownerReferences}"), "");
    owned.stays_with(b"bad");
}

#[test]
fn h9_a_rollback_whose_owner_is_made_anew_meanwhile_goes_on() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let owned = Owned::start(&shop);
    let args = ["snapshot", "rollback", "good", "--yes", "--safety", "volume", "-n", shop.name()];
    let replaced = || owned.replace_owner();
    let run = Relay::first(&cluster, "DELETE /api/v1/namespaces/", replaced, |kubeconfig| {
        cluster.plugin_with(kubeconfig, &args)
    });
    run.ok().says(LEFT_OUT);
    owned.stays_with(b"good");
    owned.undo().ok().says(LEFT_OUT);
    owned.stays_with(b"bad");
}

#[test]
fn h9_an_owner_that_may_not_be_read_is_left_out() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let owned = Owned::start(&shop);
    let person = Person::new(&shop);
    let _rights = [person.may_in_cluster("classes"), person.may_in_cluster("volumes")];
    person.may("snapshot-rollback");
    let run = person.runs(&["snapshot", "rollback", "good", "--yes", "--safety", "volume"]).ok();
    run.says("without its owner configmap/owner, of which you may not read whether it is gone");
    assert_eq!(owned.field("{.metadata.ownerReferences}"), "");
    assert_eq!(owned.claim().read("ledger"), b"good");
}
