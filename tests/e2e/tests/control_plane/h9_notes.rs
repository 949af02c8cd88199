//! H9: several runs and people at one rollback. Each step hangs on what is written down with the snapshot at that moment.

use e2e_tests::{Namespace, Run, TestCluster};

use crate::ledger::Ledger;

/// A PVC with other bytes than its snapshot.
fn start<'a>(shop: &'a Namespace<'a>) -> Ledger<'a> {
    let ledger = Ledger::with(shop, b"good");
    ledger.snapshot("good");
    ledger.write(b"bad");
    ledger
}

/// A rollback that is held once the snapshot of the data as they are is being taken.
fn held(ledger: &Ledger<'_>, meanwhile: impl FnOnce()) -> Run {
    let args = ["snapshot", "rollback", "good", "--yes", "-n", ledger.shop.name()];
    ledger.shop.cluster().plugin_held_at(" created", &args, meanwhile)
}

fn notes(ledger: &Ledger<'_>, snapshot: &str) -> String {
    let path = r"{.metadata.annotations.kubectl-backup\.dev/rollback}";
    ledger.field(&format!("volumesnapshot/{snapshot}"), path)
}

#[test]
fn h9_a_run_stops_when_another_has_gone_back() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    let uid = ledger.uid();
    let run = held(&ledger, || {
        ledger.rollback("good", &["--undo"]).ok();
        assert_eq!(notes(&ledger, "good"), "");
    });
    run.ends_with(1).says("another run has ended the rollback").says("did nothing more");
    assert_eq!((ledger.uid(), ledger.read()), (uid, b"bad".to_vec()));
    assert_eq!(notes(&ledger, "good"), "");
    let volume = ledger.volume();
    let volume = cluster.kubectl(&["get", "pv", &volume, "-o", "json"]);
    assert!(volume.contains(r#""persistentVolumeReclaimPolicy": "Delete""#), "{volume}");
}

#[test]
fn h9_a_run_stops_before_the_pvc_goes_when_the_snapshot_is_deleted() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    let uid = ledger.uid();
    let run = held(&ledger, || {
        shop.kubectl(&["delete", "volumesnapshot", "good"]);
    });
    run.ends_with(1).says("is gone, and with it the notes of the rollback").says("has the data from before");
    assert_eq!((ledger.uid(), ledger.read()), (uid, b"bad".to_vec()));
}

#[test]
fn h9_an_undo_whose_way_is_not_open_changes_nothing() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    ledger.snapshot("middle");
    ledger.write(b"worse");
    let volume = ["--safety", "volume"];
    ledger.rollback("good", &volume).ok();
    ledger.rollback("middle", &volume).ok();
    assert_eq!(ledger.read(), b"bad");
    let (before, uid) = (notes(&ledger, "good"), ledger.uid());
    let refused = ledger.rollback("good", &["--undo"]).ends_with(1);
    refused.says(r#"the rollback to VolumeSnapshot "middle" has replaced it since"#).says("nothing was changed");
    assert_eq!((notes(&ledger, "good"), ledger.uid()), (before, uid));
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
    let ledger = start(&shop);
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
            assert_eq!((ledger.read(), notes(&ledger, "good")), (b"bad".to_vec(), String::new()));
            // It may be being taken still, and is forgotten then.
            let safeties = ["-l", "kubectl-backup.dev/safety=true"];
            shop.kubectl(&[&["delete", "volumesnapshots", "--wait=false"], &safeties[..]].concat());
            cluster.until_snapshots_are_gone(&[&["-n", shop.name()], &safeties[..]].concat());
        }
    }
}

#[test]
fn h9_rules_keep_what_was_gone_back_to_and_do_not_count_what_was_gone_from() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
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
    let ledger = start(&shop);
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
