use e2e_tests::{Claim, TestCluster};

use super::{Recorded, settings};

#[test]
fn h7_list_and_describe_fit_the_screen() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-list");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    Claim::files(shop, "uploads");
    shop.plugin(&["snapshot", "create", "disk", "uploads", "--group", "release-7"]).ok();
    let [narrow, wide] = Recorded::each(|screen| recorded.ended(screen, &["snapshot", "list"]));
    insta::assert_snapshot!(narrow, @"
    NAME                    PVC      READY  SIZE  CLASS           GROUP      AGE
    disk-20261121101500     disk     true   64Mi  block-snapshot  release-7  5s
    uploads-20261121101500  uploads  true   64Mi  files-snapshot  release-7  5s
    ");
    insta::assert_snapshot!(wide, @"
    NAME                     PVC       READY   SIZE   CLASS            GROUP       AGE
    disk-20261121101500      disk      true    64Mi   block-snapshot   release-7   5s
    uploads-20261121101500   uploads   true    64Mi   files-snapshot   release-7   5s
    ");
    let names = shop.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[0].metadata.name}"]);
    let [narrow, wide] = Recorded::each(|screen| recorded.ended(screen, &["snapshot", "describe", &names]));
    insta::assert_snapshot!(described(&narrow), @"
    Name:             disk-20261121101500
    Namespace:        terminal-list
    Labels:           kubectl-backup.dev/group=release-7
    Group:            release-7 (see all: kubectl backup snapshot list --group relea
    se-7 -n terminal-list)
    Created:          2026-11-21T10:15:00Z (5s ago)
    PVC:              disk
    PVC was:          test-block-std ReadWriteOnce 64Mi
    Class:            block-snapshot
    Ready:            true
    Taken:            2026-11-21T10:15:00Z
    Restore size:     64Mi
    Content:          snapcontent-01234567-89ab-cdef-0123-456789abcdef
    Driver:           block.csi.test.kubectl-backup.dev
    Handle:           snapshot-01234567-89ab-cdef-0123-456789abcdef
    Volume mode:      Filesystem
    Deletion policy:  Delete (the storage's copy goes with this snapshot)
    Restored into:    <none>
    Restore with:     kubectl backup snapshot restore disk-20261121101500 --to NEW-P
    VC -n terminal-list
    ");
    insta::assert_snapshot!(described(&wide), @"
    Name:             disk-20261121101500
    Namespace:        terminal-list
    Labels:           kubectl-backup.dev/group=release-7
    Group:            release-7 (see all: kubectl backup snapshot list --group release-7 -n terminal-list)
    Created:          2026-11-21T10:15:00Z (5s ago)
    PVC:              disk
    PVC was:          test-block-std ReadWriteOnce 64Mi
    Class:            block-snapshot
    Ready:            true
    Taken:            2026-11-21T10:15:00Z
    Restore size:     64Mi
    Content:          snapcontent-01234567-89ab-cdef-0123-456789abcdef
    Driver:           block.csi.test.kubectl-backup.dev
    Handle:           snapshot-01234567-89ab-cdef-0123-456789abcdef
    Volume mode:      Filesystem
    Deletion policy:  Delete (the storage's copy goes with this snapshot)
    Restored into:    <none>
    Restore with:     kubectl backup snapshot restore disk-20261121101500 --to NEW-PVC -n terminal-list
    ");
}

/// Without the events: they come and merge in any order.
fn described(screen: &str) -> String {
    let (before, rest) = screen.split_once("Events:").unwrap();
    let (_, after) = rest.split_once("Restore with:").unwrap();
    format!("{before}Restore with:{after}")
}

#[test]
fn h7_list_watch_shows_each_change_until_it_is_interrupted() {
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-watch");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "first"]).ok();
    let mut terminal = recorded.start((120, false), &["snapshot", "list", "--watch", "-o", "wide"]);
    terminal.wait_until(|text| text.contains("NAME") && text.contains("first"));
    shop.plugin(&["snapshot", "create", "disk", "--name", "second"]).ok();
    let ready = |text: &str| text.lines().any(|line| line.starts_with("second") && line.contains(" true "));
    terminal.wait_until(ready);
    shop.plugin(&["snapshot", "delete", "first", "--yes"]).ok();
    let text = terminal.wait_until(|text| text.contains("deleting"));
    assert_eq!(text.matches("NAME").count(), 1, "{text}");
    terminal.press("\x03");
    assert_eq!(terminal.end().0, 130);
}

#[test]
fn c17_list_watch_shows_backups_of_one_namespace_as_they_change() {
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-backups");
    let backup = |name: &str, namespace: &str| {
        cluster.plugin(&["create", name, "--namespaces", namespace, "--volumes", "none"]).ok();
    };
    backup("watched-1", "terminal-backups");
    let mut terminal =
        recorded.start((120, false), &["list", "--watch", "--no-headers", "-L", "velero.io/storage-location"]);
    terminal.wait_until(|text| text.contains("watched-1"));
    backup("unwatched", "default");
    backup("watched-2", "terminal-backups");
    let text = terminal
        .wait_until(|text| text.lines().any(|line| line.starts_with("watched-2") && line.contains("Completed")));
    assert!(!text.contains("NAME") && !text.contains("unwatched"), "{text}");
    terminal.press("\x03");
    assert_eq!(terminal.end().0, 130);
    cluster.plugin(&["delete", "watched-1", "watched-2", "unwatched", "--yes"]).ok();
}

#[test]
fn h7_a_list_with_a_missing_name_is_read_at_every_width_and_colour() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-colours");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "a-name-that-takes-some-room", "--group", "release-7"]).ok();
    let args = ["snapshot", "list", "a-name-that-takes-some-room", "nosuch"];
    let [narrow, wide] = Recorded::each(|screen| recorded.ended(screen, &args));
    insta::assert_snapshot!(narrow, @r#"
    NAME                         PVC   READY  SIZE  CLASS           GROUP      AGE
    a-name-that-takes-some-room  disk  true   64Mi  block-snapshot  release-7  5s
    Error from server (NotFound): volumesnapshots.snapshot.storage.k8s.io "nosuch" n
    ot found
    hint: Looked in namespace "terminal-colours"; those of all namespaces are shown
    by: kubectl backup snapshot list -A
    "#);
    insta::assert_snapshot!(wide, @r#"
    NAME                          PVC    READY   SIZE   CLASS            GROUP       AGE
    a-name-that-takes-some-room   disk   true    64Mi   block-snapshot   release-7   5s
    ‹bold red:Error from server (NotFound):› volumesnapshots.snapshot.storage.k8s.io "nosuch" not found
    ‹cyan:hint:› Looked in namespace "terminal-colours"; those of all namespaces are shown by: kubectl backup snapshot list -A
    "#);
}
