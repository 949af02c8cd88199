//! H9: several rollbacks of one PVC, one after the other, and what is seen of each once another is undone or finished.

use std::time::{Duration, Instant};

use e2e_tests::{Claim, Namespace, Run, TestCluster, until};

/// A PVC with snapshots `a` and `b` of other bytes than it has.
struct Ledger<'a> {
    shop: &'a Namespace<'a>,
}

impl<'a> Ledger<'a> {
    fn start(shop: &'a Namespace<'a>) -> Self {
        Claim::block(shop, "data").write("ledger", b"a");
        let ledger = Self { shop };
        ledger.shop.plugin(&["snapshot", "create", "data", "--name", "a"]).ok();
        ledger.write(b"b");
        ledger.shop.plugin(&["snapshot", "create", "data", "--name", "b"]).ok();
        ledger.write(b"now");
        ledger
    }

    fn claim(&self) -> Claim<'a> {
        Claim::existing(self.shop, "data", "block")
    }

    fn write(&self, bytes: &[u8]) {
        self.claim().write("ledger", bytes);
    }

    fn read(&self) -> Vec<u8> {
        self.claim().read("ledger")
    }

    fn back_to(&self, snapshot: &str) {
        self.shop.plugin(&["snapshot", "rollback", snapshot, "--yes", "--safety", "volume"]).ok();
        assert_eq!(self.read(), snapshot.as_bytes());
    }

    fn ends(&self, snapshot: &str, how: &str) -> Run {
        self.shop.plugin(&["snapshot", "rollback", snapshot, how, "--yes"])
    }

    fn volume(&self) -> String {
        self.shop.kubectl(&["get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}"])
    }

    fn gone(&self, volume: &str) {
        self.shop.cluster().kubectl(&["wait", "pv", volume, "--for=delete", "--timeout=60s"]);
    }
}

#[test]
fn h9_a_rollback_is_finished_after_a_later_one_was_undone() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let old = ledger.volume();
    ledger.back_to("a");
    let (between, made) = (ledger.volume(), Instant::now());
    ledger.back_to("b");
    // The PVC that comes back is much younger than its volume.
    until("the volume is old", Duration::from_secs(30), || made.elapsed() > Duration::from_secs(7));
    ledger.ends("b", "--undo").ok();
    assert_eq!((ledger.volume(), ledger.read()), (between, b"a".to_vec()));
    ledger.ends("a", "--finish").ok().says("is deleted by its driver now");
    ledger.gone(&old);
    assert_eq!(ledger.read(), b"a");
}

#[test]
fn h9_a_rollback_is_undone_past_a_later_one_that_was_finished() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let old = ledger.volume();
    ledger.back_to("a");
    let between = ledger.volume();
    ledger.back_to("b");
    ledger.ends("a", "--undo").ends_with(1).says(r#"the rollback to VolumeSnapshot "b" has replaced it since"#);
    ledger.ends("b", "--finish").ok();
    ledger.gone(&between);
    let latest = ledger.volume();
    ledger.write(b"written meanwhile");
    let undone = ledger.ends("a", "--undo").ok();
    undone.says(&format!("What was written meanwhile is kept in volume {latest}"));
    assert_eq!((ledger.volume(), ledger.read()), (old.clone(), b"now".to_vec()));
    let path = "jsonpath={.spec.persistentVolumeReclaimPolicy}";
    let policy = |volume: &str| cluster.kubectl(&["get", "pv", volume, "-o", path]);
    assert_eq!((policy(&old).as_str(), policy(&latest).as_str()), ("Delete", "Retain"));
    cluster.kubectl(&["patch", "pv", &latest, "-p", r#"{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}"#]);
}
