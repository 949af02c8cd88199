//! What restores, clones and rollbacks do when the quota is full, or nearly.

use e2e_tests::Claim;

use super::{
    quota::wait_for_slots,
    webhook::{cluster, snapshot},
};

#[test]
fn h6_h9_slots_are_taken_for_a_while_and_a_full_quota_loses_nothing() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    wait_for_slots(&guarded, 0);
    let depot = cluster.namespace("full");
    for n in 1..=9 {
        guarded.snapshot(&format!("s{n}"), "disk").ok();
    }
    let ready = "--for=jsonpath={.status.readyToUse}=true";
    cluster.kubectl(&["wait", "volumesnapshots", "--all", "-n", "default", ready, "--timeout=60s"]);
    let runs = |args: &[&str]| cluster.plugin(&[args, &["-n", "default"]].concat());
    let elsewhere = ["--to-namespace", depot.name()];

    // A restore needs one slot, and gives it back.
    runs(&[&["snapshot", "restore", "s1", "--to", "one"][..], &elsewhere].concat()).ok();
    wait_for_slots(&guarded, 9);
    // A clone needs two, and begins nothing with one.
    let clone = ["clone", "disk", "two"];
    let begins_nothing = |run: e2e_tests::Run| {
        assert!(
            !run.stderr.contains("What was made") && !run.stderr.lines().any(|line| line.starts_with("volumesnapshot")),
            "{}",
            run.stderr
        );
    };
    let run = runs(&[&clone[..], &elsewhere].concat()).ends_with(1);
    begins_nothing(run.says("room for 1 of the 2").says("9 of 10 used").says("nothing was created"));
    wait_for_slots(&guarded, 9);
    cluster.try_create(&snapshot("s10", "disk").to_string()).ok();
    cluster.wait_for("default", "volumesnapshot/s10", "jsonpath={.status.readyToUse}=true", 120);
    wait_for_slots(&guarded, 10);
    let run = runs(&[&["snapshot", "restore", "s1", "--to", "three"][..], &elsewhere].concat()).ends_with(1);
    begins_nothing(run.says("no room for another (10 of 10 used): nothing was created"));
    assert_eq!(depot.kubectl(&["get", "pvc", "-o", "jsonpath={.items[*].metadata.name}"]), "one");
    let label = "kubectl-backup.dev/temporary=true";
    assert_eq!(cluster.kubectl(&["get", "volumesnapshotcontents", "-l", label, "-o", "name"]), "");

    // Of a group nothing is begun that has no room.
    runs(&["snapshot", "delete", "s10", "s9", "--yes"]).ok();
    wait_for_slots(&guarded, 8);
    let group = ["--labels", "kubectl-backup.dev/group=pair"];
    runs(&[&["snapshot", "create", "disk", "--name", "s9"][..], &group].concat()).ok();
    runs(&[&["snapshot", "create", "share", "--name", "s10"][..], &group].concat()).ok();
    let run = runs(&[&["snapshot", "restore", "--group", "pair"][..], &elsewhere].concat()).ends_with(1);
    begins_nothing(run.says("no room for any of the 2").says("nothing was created"));

    // No slot for a snapshot of the old data: they are in the volume that is kept.
    let volume = || cluster.kubectl(&["get", "pvc", "disk", "-n", "default", "-o", "jsonpath={.spec.volumeName}"]);
    let before = volume();
    runs(&["snapshot", "rollback", "s1", "--yes", "--safety", "snapshot"]).ends_with(1).says("10/10 used");
    assert_eq!(volume(), before);
    let run = runs(&["snapshot", "rollback", "s1", "--yes"]).ok();
    run.says("no snapshot of the data as they are can be taken").says(&format!("kept in volume {before}"));
    assert_ne!(volume(), before);
    let policy = cluster.kubectl(&["get", "pv", &before, "-o", "jsonpath={.spec.persistentVolumeReclaimPolicy}"]);
    assert_eq!(policy, "Retain");
    runs(&["snapshot", "rollback", "s1", "--undo", "--yes"]).ok();
    assert_eq!(volume(), before);
}

#[test]
fn h3_several_that_the_quota_has_no_room_for_are_refused_before_the_first_unless_a_part_will_do() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    wait_for_slots(&guarded, 0);
    let shop = cluster.namespace("full");
    for claim in ["a", "b", "c"] {
        Claim::block(&shop, claim);
    }
    for n in 1..=8 {
        guarded.snapshot(&format!("s{n}"), "disk").ok();
    }
    wait_for_slots(&guarded, 8);
    let create = ["snapshot", "create", "a", "b", "c"];
    let run = shop.plugin(&create).ends_with(1);
    let run = run.says("room for 2 of the 3").says("8 of 10 used").says("nothing was created").says("--partial");
    assert!(!run.stderr.contains("deleted again"), "{}", run.stderr);
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    wait_for_slots(&guarded, 8);
    let run = shop.plugin(&[&create[..], &["--partial"]].concat()).ends_with(10);
    run.says("left out, since the quota has no room for them: c");
    let path = "jsonpath={.items[*].spec.source.persistentVolumeClaimName}";
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", path]), "a b");
    wait_for_slots(&guarded, 10);
}
