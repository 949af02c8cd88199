use e2e_tests::{Claim, TestCluster};

use super::{Recorded, settings};

#[test]
fn h9_rollback_tells_its_plan_each_step_and_the_way_back() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-rollback");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "good"]).ok();
    let asked = |screen| {
        let mut terminal = recorded.start(screen, &["snapshot", "rollback", "good"]);
        terminal.wait_until(|text| text.contains("[y/N]"));
        terminal.press("n\r");
        terminal.end().1
    };
    let [narrow, wide] = Recorded::each(asked);
    insta::assert_snapshot!(narrow, @r#"
    - take snapshot disk-before-20261121101500 of the data as they are
    - keep volume pvc-01234567-89ab-cdef-0123-456789abcdef with the data as they are
    - replace PVC disk by one of the same name, filled from snapshot good
    Roll PVC "disk" in namespace "terminal-rollback" of context "demo" back to snaps
    hot good? [y/N] n
    error: not confirmed; nothing was changed
    "#);
    insta::assert_snapshot!(wide, @r#"
    - take snapshot disk-before-20261121101500 of the data as they are
    - keep volume pvc-01234567-89ab-cdef-0123-456789abcdef with the data as they are
    - replace PVC disk by one of the same name, filled from snapshot good
    Roll PVC "disk" in namespace "terminal-rollback" of context "demo" back to snapshot good? [y/N] n
    ‹bold red:error:› not confirmed; nothing was changed
    "#);
    let there = without_waits(&recorded.ended((80, false), &["snapshot", "rollback", "good", "--yes"]));
    insta::assert_snapshot!(there, @"
    - take snapshot disk-before-20261121101500 of the data as they are
    - keep volume pvc-01234567-89ab-cdef-0123-456789abcdef with the data as they are
    - replace PVC disk by one of the same name, filled from snapshot good
    pvc disk: taking snapshot disk-before-20261121101500 of the data as they are
    volumesnapshot/disk-before-20261121101500 created
    pvc disk: keeping volume pvc-01234567-89ab-cdef-0123-456789abcdef
    pvc disk: deleting the PVC; its volume stays
    pvc disk: making the PVC from the snapshot
    persistentvolumeclaim/disk rolled back
    PVC disk has the data of snapshot good
    The data before are kept in volume pvc-01234567-89ab-cdef-0123-456789abcdef and
    in snapshot disk-before-20261121101500.
    Go back to them with: kubectl backup snapshot rollback good --undo -n terminal-r
    ollback
    Let go of the volume with: kubectl backup snapshot rollback good --finish -n ter
    minal-rollback
    ");
    let back = without_waits(&recorded.ended((120, true), &["snapshot", "rollback", "good", "--undo", "--yes"]));
    insta::assert_snapshot!(back, @r#"
    pvc disk: keeping volume pvc-01234567-89ab-cdef-0123-456789abcdef
    pvc disk: deleting the PVC; its volume stays
    pvc disk: making volume pvc-01234567-89ab-cdef-0123-456789abcdef free for its PVC
    pvc disk: making the PVC on volume pvc-01234567-89ab-cdef-0123-456789abcdef
    pvc disk: giving volume pvc-01234567-89ab-cdef-0123-456789abcdef its own reclaim policy again
    persistentvolumeclaim/disk as before
    PVC disk has the data from before the rollback (after 5s)
    What was written meanwhile is kept in volume pvc-01234567-89ab-cdef-0123-456789abcdef; let it go with: kubectl patch pv
    pvc-01234567-89ab-cdef-0123-456789abcdef -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'
    Snapshot disk-before-20261121101500 stays; it holds a slot of the quota.
    "#);
    let nothing = recorded.ended((80, true), &["snapshot", "rollback", "good", "--undo", "--yes"]);
    insta::assert_snapshot!(nothing, @r#"
    ‹bold red:error:› no rollback to VolumeSnapshot "good" was begun in namespace "terminal-rol
    lback"
    ‹cyan:hint:› Begin one with: kubectl backup snapshot rollback good -n terminal-rollback
    "#);
}

/// Whether something is waited for, and said to be there after that, depends on how fast the controllers are.
fn without_waits(screen: &str) -> String {
    let waits = |line: &&str| [": waiting", " is ready (", " is bound ("].iter().any(|wait| line.contains(wait));
    screen.split_inclusive('\n').filter(|line| !waits(line)).collect()
}
