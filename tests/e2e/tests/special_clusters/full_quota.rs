//! What restores, clones and rollbacks do when the quota is full, or nearly.

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
    // A clone needs two.
    let clone = ["clone", "disk", "two"];
    let run = runs(&[&clone[..], &elsewhere].concat()).ends_with(1);
    run.says("10/10 used").says("What was made was removed again").says("kubectl backup quota");
    wait_for_slots(&guarded, 9);
    cluster.try_create(&snapshot("s10", "disk").to_string()).ok();
    cluster.wait_for("default", "volumesnapshot/s10", "jsonpath={.status.readyToUse}=true", 60);
    wait_for_slots(&guarded, 10);
    let run = runs(&[&["snapshot", "restore", "s1", "--to", "three"][..], &elsewhere].concat()).ends_with(1);
    run.says("10/10 used").says("What was made was removed again");
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
    let run = run.says("no room for any of the 2").says("nothing was created");
    assert!(!run.stderr.contains("What was made"), "{}", run.stderr);

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
