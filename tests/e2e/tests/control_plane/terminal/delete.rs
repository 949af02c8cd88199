use e2e_tests::{Claim, TestCluster};

use super::{Recorded, settings};

#[test]
fn h7_delete_asks_on_the_screen_and_takes_no_for_an_answer() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-delete");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    Claim::files(shop, "uploads");
    shop.plugin(&["snapshot", "create", "disk", "uploads", "--group", "release-7"]).ok();
    let [narrow, wide] = Recorded::each(|screen| {
        let mut terminal = recorded.start(screen, &["snapshot", "delete", "--group", "release-7"]);
        terminal.wait_until(|text| text.contains("[y/N]"));
        terminal.press(if screen.0 == 80 { "n\r" } else { "\r" });
        let (code, text) = terminal.end();
        assert_eq!(code, 1, "{text}");
        text
    });
    insta::assert_snapshot!(narrow, @r#"
    snapshot disk-20261121101500 of PVC disk: the storage's copy is deleted too
    snapshot uploads-20261121101500 of PVC uploads: the storage's copy is deleted to
    o
    Delete 2 VolumeSnapshots (disk-20261121101500, uploads-20261121101500) in namesp
    ace "terminal-delete" of context "demo"? [y/N] n
    error: not confirmed; nothing was changed
    "#);
    insta::assert_snapshot!(wide, @r#"
    snapshot disk-20261121101500 of PVC disk: the storage's copy is deleted too
    snapshot uploads-20261121101500 of PVC uploads: the storage's copy is deleted too
    Delete 2 VolumeSnapshots (disk-20261121101500, uploads-20261121101500) in namespace "terminal-delete" of context "demo"?
     [y/N]
    ‹bold red:error:› not confirmed; nothing was changed
    "#);
    let [narrow, wide] = Recorded::each(|screen| recorded.ended(screen, &["snapshot", "delete", "nosuch"]));
    insta::assert_snapshot!(narrow, @r#"
    error: VolumeSnapshot "nosuch" in namespace "terminal-delete" does not exist
    hint: The snapshots in namespace "terminal-delete" are: disk-20261121101500, upl
    oads-20261121101500
    hint: Those of all namespaces are shown by: kubectl backup snapshot list -A
    "#);
    insta::assert_snapshot!(wide, @r#"
    ‹bold red:error:› VolumeSnapshot "nosuch" in namespace "terminal-delete" does not exist
    ‹cyan:hint:› The snapshots in namespace "terminal-delete" are: disk-20261121101500, uploads-20261121101500
    ‹cyan:hint:› Those of all namespaces are shown by: kubectl backup snapshot list -A
    "#);
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]).lines().count(), 2);
    let mut terminal = recorded.start((80, false), &["snapshot", "delete", "--group", "release-7"]);
    terminal.wait_until(|text| text.contains("[y/N]"));
    terminal.press("y\r");
    assert_eq!(terminal.end().0, 0);
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h7_an_interrupted_question_ends_the_command_and_deletes_nothing() {
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-interrupted");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "kept"]).ok();
    let mut terminal = recorded.start((120, false), &["snapshot", "delete", "kept"]);
    terminal.wait_until(|text| text.contains("[y/N]"));
    terminal.press("\x03");
    let (code, text) = terminal.end();
    assert_eq!(code, 130, "{text}");
    assert!(text.contains("error: interrupted"), "{text}");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]).lines().count(), 1);
}

#[test]
fn h8_prune_shows_its_plan_in_lines_that_fit() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-prune");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    // Of two that were made within a second, the later name counts as the newer one.
    for name in ["before-the-upgrade-of-the-shop", "since-the-upgrade-of-the-shop"] {
        shop.plugin(&["snapshot", "create", "disk", "--name", name]).ok();
    }
    let plan = |screen| {
        let mut terminal = recorded.start(screen, &["snapshot", "prune", "--keep", "1"]);
        terminal.wait_until(|text| text.contains("[y/N]"));
        terminal.press("n\r");
        terminal.end().1
    };
    let [narrow, wide] = Recorded::each(plan);
    insta::assert_snapshot!(narrow, @r#"
    The plan:
      PVC    SNAPSHOT                         AGE   FATE     WHY
      disk   since-the-upgrade-of-the-shop    5s    keep     one of the newest
      disk   before-the-upgrade-of-the-shop   5s    delete   no rule keeps it
    Delete 1 VolumeSnapshot (before-the-upgrade-of-the-shop) in namespace "terminal-
    prune" of context "demo"? [y/N] n
    error: not confirmed; nothing was changed
    "#);
    insta::assert_snapshot!(wide, @r#"
    The plan:
      PVC    SNAPSHOT                         AGE   FATE     WHY
      disk   since-the-upgrade-of-the-shop    5s    keep     one of the newest
      disk   before-the-upgrade-of-the-shop   5s    delete   no rule keeps it
    Delete 1 VolumeSnapshot (before-the-upgrade-of-the-shop) in namespace "terminal-prune" of context "demo"? [y/N] n
    ‹bold red:error:› not confirmed; nothing was changed
    "#);
    let gone = recorded.ended((80, true), &["snapshot", "prune", "--keep", "1", "--yes"]);
    insta::assert_snapshot!(gone, @r#"
    The plan:
      PVC    SNAPSHOT                         AGE   FATE     WHY
      disk   since-the-upgrade-of-the-shop    5s    keep     one of the newest
      disk   before-the-upgrade-of-the-shop   5s    delete   no rule keeps it
    volumesnapshot.snapshot.storage.k8s.io "before-the-upgrade-of-the-shop" deleted
    from terminal-prune namespace
    "#);
}
