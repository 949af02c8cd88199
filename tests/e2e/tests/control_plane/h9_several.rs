//! H9: several rollbacks of one PVC, one after the other, and what is seen of each once another is undone or finished.

use std::time::{Duration, Instant};

use e2e_tests::{Namespace, TestCluster, until};

use crate::ledger::Ledger;

/// A PVC with snapshots `a` and `b` of other bytes than it has.
fn start<'a>(shop: &'a Namespace<'a>) -> Ledger<'a> {
    let ledger = Ledger::with(shop, b"a");
    ledger.snapshot("a");
    ledger.write(b"b");
    ledger.snapshot("b");
    ledger.write(b"now");
    ledger
}

fn back_to(ledger: &Ledger<'_>, snapshot: &str) {
    ledger.rollback(snapshot, &["--safety", "volume"]).ok();
    assert_eq!(ledger.read(), snapshot.as_bytes());
}

fn gone(ledger: &Ledger<'_>, volume: &str) {
    ledger.shop.cluster().kubectl(&["wait", "pv", volume, "--for=delete", "--timeout=60s"]);
}

#[test]
fn h9_a_rollback_is_finished_after_a_later_one_was_undone() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    let old = ledger.volume();
    back_to(&ledger, "a");
    let (between, made) = (ledger.volume(), Instant::now());
    back_to(&ledger, "b");
    // The PVC that comes back is much younger than its volume.
    until("the volume is old", Duration::from_secs(30), || made.elapsed() > Duration::from_secs(7));
    ledger.rollback("b", &["--undo"]).ok();
    assert_eq!((ledger.volume(), ledger.read()), (between, b"a".to_vec()));
    ledger.rollback("a", &["--finish"]).ok().says("is deleted by its driver now");
    gone(&ledger, &old);
    assert_eq!(ledger.read(), b"a");
}

#[test]
fn h9_a_rollback_is_undone_past_a_later_one_that_was_finished() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    let old = ledger.volume();
    back_to(&ledger, "a");
    let between = ledger.volume();
    back_to(&ledger, "b");
    ledger.rollback("a", &["--undo"]).ends_with(1).says(r#"the rollback to VolumeSnapshot "b" has replaced it since"#);
    ledger.rollback("b", &["--finish"]).ok();
    gone(&ledger, &between);
    let latest = ledger.volume();
    ledger.write(b"written meanwhile");
    let undone = ledger.rollback("a", &["--undo"]).ok();
    undone.says(&format!("What was written meanwhile is kept in volume {latest}"));
    assert_eq!((ledger.volume(), ledger.read()), (old.clone(), b"now".to_vec()));
    let path = "jsonpath={.spec.persistentVolumeReclaimPolicy}";
    let policy = |volume: &str| cluster.kubectl(&["get", "pv", volume, "-o", path]);
    assert_eq!((policy(&old).as_str(), policy(&latest).as_str()), ("Delete", "Retain"));
    cluster.kubectl(&["patch", "pv", &latest, "-p", r#"{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}"#]);
}
