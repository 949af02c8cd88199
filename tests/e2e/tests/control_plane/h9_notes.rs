//! H9: several runs and people at one rollback. Each step hangs on what is written down with the snapshot at that moment.

use e2e_tests::{Claim, Namespace, Run, TestCluster};

/// A PVC with other bytes than its snapshots.
struct Ledger<'a> {
    shop: &'a Namespace<'a>,
}

impl<'a> Ledger<'a> {
    fn start(shop: &'a Namespace<'a>) -> Self {
        Claim::block(shop, "data").write("ledger", b"good");
        let ledger = Self { shop };
        ledger.snapshot("good");
        ledger.write(b"bad");
        ledger
    }

    fn snapshot(&self, name: &str) {
        self.shop.plugin(&["snapshot", "create", "data", "--name", name]).ok();
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

    fn rollback(&self, snapshot: &str, flags: &[&str]) -> Run {
        self.shop.plugin(&[&["snapshot", "rollback", snapshot, "--yes"], flags].concat())
    }

    /// A rollback that is held once the snapshot of the data as they are is being taken.
    fn held(&self, meanwhile: impl FnOnce()) -> Run {
        let args = ["snapshot", "rollback", "good", "--yes", "-n", self.shop.name()];
        self.shop.cluster().plugin_held_at(" created", &args, meanwhile)
    }

    fn field(&self, object: &str, path: &str) -> String {
        self.shop.kubectl(&["get", object, "-o", &format!("jsonpath={path}")])
    }

    fn uid(&self) -> String {
        self.field("pvc/data", "{.metadata.uid}")
    }

    fn notes(&self, snapshot: &str) -> String {
        self.field(&format!("volumesnapshot/{snapshot}"), r"{.metadata.annotations.kubectl-backup\.dev/rollback}")
    }
}

#[test]
fn h9_a_run_stops_when_another_has_gone_back() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let uid = ledger.uid();
    let run = ledger.held(|| {
        ledger.rollback("good", &["--undo"]).ok();
        assert_eq!(ledger.notes("good"), "");
    });
    run.ends_with(1).says("another run has ended the rollback").says("did nothing more");
    assert_eq!((ledger.uid(), ledger.read()), (uid, b"bad".to_vec()));
    assert_eq!(ledger.notes("good"), "");
    let volume = ledger.field("pvc/data", "{.spec.volumeName}");
    let volume = cluster.kubectl(&["get", "pv", &volume, "-o", "json"]);
    assert!(volume.contains(r#""persistentVolumeReclaimPolicy": "Delete""#), "{volume}");
}

#[test]
fn h9_a_run_stops_before_the_pvc_goes_when_the_snapshot_is_deleted() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let uid = ledger.uid();
    let run = ledger.held(|| {
        shop.kubectl(&["delete", "volumesnapshot", "good"]);
    });
    run.ends_with(1).says("is gone, and with it the notes of the rollback").says("has the data from before");
    assert_eq!((ledger.uid(), ledger.read()), (uid, b"bad".to_vec()));
}

#[test]
fn h9_an_undo_whose_way_is_not_open_changes_nothing() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    ledger.snapshot("middle");
    ledger.write(b"worse");
    let volume = ["--safety", "volume"];
    ledger.rollback("good", &volume).ok();
    ledger.rollback("middle", &volume).ok();
    assert_eq!(ledger.read(), b"bad");
    let (notes, uid) = (ledger.notes("good"), ledger.uid());
    let refused = ledger.rollback("good", &["--undo"]).ends_with(1);
    refused.says(r#"the rollback to VolumeSnapshot "middle" has replaced it since"#).says("nothing was changed");
    assert_eq!((ledger.notes("good"), ledger.uid()), (notes, uid));
    // One after the other, the way is open.
    ledger.rollback("middle", &["--undo"]).ok();
    assert_eq!(ledger.read(), b"good");
    ledger.rollback("good", &["--undo"]).ok();
    assert_eq!(ledger.read(), b"worse");
}

#[test]
fn h9_killed_around_the_snapshot_of_the_old_data_it_goes_on_or_back() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    let safety = || shop.kubectl(&["get", "volumesnapshots", "-l", "kubectl-backup.dev/safety=true", "-o", "name"]);
    for step in ["taking snapshot", " created"] {
        for way in ["--continue", "--undo"] {
            cluster.plugin_killed_at(step, &["snapshot", "rollback", "good", "--yes", "-n", shop.name()]);
            let run = ledger.rollback("good", &[way]).ok();
            // What is said to stay is what is there: killed before it was asked for, there is none.
            let claimed = run.stderr.contains("it holds a slot of the quota");
            if way == "--continue" {
                assert_eq!((ledger.read(), safety().lines().count()), (b"good".to_vec(), 1));
                let undone = ledger.rollback("good", &["--undo"]).ok();
                undone.says("it holds a slot of the quota");
            } else {
                assert_eq!(claimed, !safety().is_empty(), "{}", run.stderr);
            }
            assert_eq!((ledger.read(), ledger.notes("good")), (b"bad".to_vec(), String::new()));
            shop.kubectl(&["delete", "volumesnapshots", "-l", "kubectl-backup.dev/safety=true"]);
        }
    }
}

#[test]
fn h9_rules_keep_what_was_gone_back_to_and_do_not_count_what_was_gone_from() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = Ledger::start(&shop);
    ledger.rollback("good", &["--safety", "snapshot"]).ok();
    ledger.snapshot("newest");
    let prune = ["snapshot", "prune", "--keep", "1", "--yes"];
    let run = shop.plugin(&prune).ok();
    run.says("left out: good").says("--finish").says("taken before a rollback, so not counted");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]).lines().count(), 3);
    ledger.rollback("good", &["--finish"]).ok();
    shop.plugin(&prune).ok();
    let left = shop.kubectl(&["get", "volumesnapshots", "-o", "name"]);
    assert!(left.contains("/newest") && left.contains("/data-before-") && !left.contains("/good"), "{left}");
}

#[test]
fn h7_h8_members_of_a_volume_group_snapshot_are_not_marked_for_deletion() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    let ledger = Ledger::start(&shop);
    ledger.snapshot("member");
    ledger.snapshot("newest");
    let status = r#"{"status":{"volumeGroupSnapshotName":"nightly"}}"#;
    shop.kubectl(&["patch", "volumesnapshot", "member", "--subresource=status", "--type=merge", "-p", status]);
    let refused = shop.plugin(&["snapshot", "delete", "member", "good", "--yes"]).ends_with(1);
    refused.says(r#"belongs to VolumeGroupSnapshot "nightly""#).says("nothing was deleted");
    shop.plugin(&["snapshot", "prune", "--keep", "1", "--yes"])
        .ok()
        .says("owned by VolumeGroupSnapshot nightly, so not counted");
    shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ok().says("kubectl delete volumegroupsnapshot nightly");
    let left = ledger.field("volumesnapshot/member", "{.metadata.name}{.metadata.deletionTimestamp}");
    assert_eq!((left.as_str(), shop.kubectl(&["get", "volumesnapshots", "-o", "name"]).lines().count()), ("member", 1));
    let patch = r#"{"status":{"volumeGroupSnapshotName":null}}"#;
    shop.kubectl(&["patch", "volumesnapshot", "member", "--subresource=status", "--type=merge", "-p", patch]);
}
