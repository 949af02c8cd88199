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
