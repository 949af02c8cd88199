//! What a user sees: screens of 80 and of 120 columns, with colours and without.

use e2e_tests::{Claim, Namespace, Terminal, TestCluster};

/// Both widths; the narrow one without colours.
const SCREENS: [(u16, bool); 2] = [(80, false), (120, true)];

struct Recorded<'a> {
    cluster: &'a TestCluster,
    namespace: Namespace<'a>,
    kubeconfig: tempfile::TempDir,
}

impl<'a> Recorded<'a> {
    /// A namespace and a context whose names have the same length in every run: they stand in the columns.
    fn new(cluster: &'a TestCluster, namespace: &str) -> Self {
        let kubeconfig = tempfile::tempdir().unwrap();
        let path = kubeconfig.path().join("config");
        std::fs::copy(cluster.cluster().kubeconfig(), &path).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let context = cluster.kubectl(&["config", "current-context"]);
        cluster.kubectl(&["config", "rename-context", context.trim(), "demo", "--kubeconfig", &path]);
        Self { cluster, namespace: cluster.namespace_named(namespace), kubeconfig }
    }

    fn start(&self, (columns, colours): (u16, bool), args: &[&str]) -> Terminal {
        let kubeconfig = self.kubeconfig.path().join("config");
        let mut variables =
            vec![("KUBECONFIG", kubeconfig.to_str().unwrap()), ("TERM", "xterm-256color"), ("HOME", "/nonexistent")];
        if !colours {
            variables.push(("NO_COLOR", "1"));
        }
        Terminal::start(
            self.cluster.plugin_path(),
            &[args, &["-n", self.namespace.name()]].concat(),
            &variables,
            columns,
        )
    }

    /// The last screen of a command that ends by itself.
    #[track_caller]
    fn ended(&self, screen: (u16, bool), args: &[&str]) -> String {
        self.start(screen, args).end().1
    }
}

/// What differs from run to run, replaced by something of the same width.
fn settings() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    for (pattern, text) in [
        (r"20\d{12}", "20261121101500"),
        (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-21T10:15:00Z"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "01234567-89ab-cdef-0123-456789abcdef"),
        (r"\(\d+s ago\)", "(5s ago)"),
        (r"after \d+s", "after 5s"),
        (r"\b\d+s +(keep|delete)", "5s    $1"),
        // The age at the end of a row, and how long a bar has been there.
        (r"(?m)\b\d+s$", "5s"),
        (r"[⠁-⣿]", "*"),
    ] {
        settings.add_filter(pattern, text);
    }
    settings.bind_to_scope()
}

#[test]
fn h1_create_draws_a_bar_for_each_volume() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-create");
    let shop = &recorded.namespace;
    for claim in ["disk", "uploads"] {
        Claim::block(shop, claim);
    }
    cluster.try_kubectl(&["delete", "volumesnapshotclass", "slow", "--ignore-not-found"]);
    cluster.create(
        r#"{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshotClass","metadata":{"name":"slow"},
        "driver":"block.csi.test.kubectl-backup.dev","deletionPolicy":"Delete","parameters":{"fault.test/delay":"4s"}}"#,
    );
    let mut screens = Vec::new();
    for screen in SCREENS {
        let group = format!("g{}", screen.0);
        let terminal =
            recorded.start(screen, &["snapshot", "create", "disk", "uploads", "--class", "slow", "--group", &group]);
        screens.push(terminal.wait_until(|text| text.matches("being taken").count() == 2));
        screens.push(terminal.end().1);
    }
    let [narrow, narrow_end, wide, wide_end] = screens.try_into().unwrap();
    insta::assert_snapshot!(narrow, @"
    To be taken:
      NAME                   PVC     CLASS DRIVER                            SIZE
      disk-20261121101500    disk    slow  block.csi.test.kubectl-backup.dev 64Mi
      uploads-20261121101500 uploads slow  block.csi.test.kubectl-backup.dev 64Mi
    group: g80
    volumesnapshot.snapshot.storage.k8s.io/disk-20261121101500 created
    volumesnapshot.snapshot.storage.k8s.io/uploads-20261121101500 created
    * snapshot disk-20261121101500    [====>   ] being taken                      5s
    * snapshot uploads-20261121101500 [====>   ] being taken                      5s
    ");
    insta::assert_snapshot!(sorted(&narrow_end), @"
    To be taken:
      NAME                   PVC     CLASS DRIVER                            SIZE
      disk-20261121101500    disk    slow  block.csi.test.kubectl-backup.dev 64Mi
      uploads-20261121101500 uploads slow  block.csi.test.kubectl-backup.dev 64Mi
    group: g80
    volumesnapshot.snapshot.storage.k8s.io/disk-20261121101500 created
    volumesnapshot.snapshot.storage.k8s.io/uploads-20261121101500 created
    snapshot disk-20261121101500 is ready (64Mi, after 5s)
    snapshot uploads-20261121101500 is ready (64Mi, after 5s)
    ");
    insta::assert_snapshot!(wide, @"
    To be taken:
      NAME                     PVC       CLASS   DRIVER                              SIZE
      disk-20261121101500      disk      slow    block.csi.test.kubectl-backup.dev   64Mi
      uploads-20261121101500   uploads   slow    block.csi.test.kubectl-backup.dev   64Mi
    group: g120
    volumesnapshot.snapshot.storage.k8s.io/disk-20261121101500 created
    volumesnapshot.snapshot.storage.k8s.io/uploads-20261121101500 created
    * snapshot disk-20261121101500    [====>   ] being taken                                                              5s
    * snapshot uploads-20261121101500 [====>   ] being taken                                                              5s
    ");
    insta::assert_snapshot!(sorted(&wide_end), @"
    To be taken:
      NAME                     PVC       CLASS   DRIVER                              SIZE
      disk-20261121101500      disk      slow    block.csi.test.kubectl-backup.dev   64Mi
      uploads-20261121101500   uploads   slow    block.csi.test.kubectl-backup.dev   64Mi
    group: g120
    volumesnapshot.snapshot.storage.k8s.io/disk-20261121101500 created
    volumesnapshot.snapshot.storage.k8s.io/uploads-20261121101500 created
    snapshot disk-20261121101500 is ready (64Mi, after 5s)
    snapshot uploads-20261121101500 is ready (64Mi, after 5s)
    ");
    cluster.kubectl(&["delete", "volumesnapshotclass", "slow"]);
}

/// Volumes become ready in any order.
fn sorted(screen: &str) -> String {
    let (mut ready, mut lines): (Vec<_>, Vec<_>) = screen.lines().partition(|line| line.contains(" is ready ("));
    ready.sort_unstable();
    lines.append(&mut ready);
    lines.join("\n")
}

#[test]
fn h7_list_and_describe_fit_the_screen() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-list");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    Claim::files(shop, "uploads");
    shop.plugin(&["snapshot", "create", "disk", "uploads", "--group", "release-7"]).ok();
    let [narrow, wide] = SCREENS.map(|screen| recorded.ended(screen, &["snapshot", "list"]));
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
    let [narrow, wide] = SCREENS.map(|screen| recorded.ended(screen, &["snapshot", "describe", &names]));
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
fn h7_delete_asks_on_the_screen_and_takes_no_for_an_answer() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-delete");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    Claim::files(shop, "uploads");
    shop.plugin(&["snapshot", "create", "disk", "uploads", "--group", "release-7"]).ok();
    let mut screens = Vec::new();
    for (screen, answer) in SCREENS.into_iter().zip(["n\r", "\r"]) {
        let mut terminal = recorded.start(screen, &["snapshot", "delete", "--group", "release-7"]);
        terminal.wait_until(|text| text.contains("[y/N]"));
        terminal.press(answer);
        let (code, text) = terminal.end();
        assert_eq!(code, 1, "{text}");
        screens.push(text);
    }
    let [narrow, wide] = screens.try_into().unwrap();
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
    let coloured = recorded.ended((80, true), &["snapshot", "delete", "nosuch"]);
    insta::assert_snapshot!(coloured, @r#"
    ‹bold red:error:› VolumeSnapshot "nosuch" in namespace "terminal-delete" does not exist
    ‹cyan:hint:› The snapshots in namespace "terminal-delete" are: disk-20261121101500, upl
    oads-20261121101500
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

/// Each width with colours and without.
const ALL_SCREENS: [(u16, bool); 4] = [(80, false), (80, true), (120, false), (120, true)];

#[test]
fn h7_a_list_with_a_missing_name_is_read_at_every_width_and_colour() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-colours");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "a-name-that-takes-some-room", "--group", "release-7"]).ok();
    let args = ["snapshot", "list", "a-name-that-takes-some-room", "nosuch"];
    let [narrow, narrow_coloured, wide, wide_coloured] = ALL_SCREENS.map(|screen| recorded.ended(screen, &args));
    insta::assert_snapshot!(narrow, @r#"
    NAME                         PVC   READY  SIZE  CLASS           GROUP      AGE
    a-name-that-takes-some-room  disk  true   64Mi  block-snapshot  release-7  5s
    Error from server (NotFound): volumesnapshots.snapshot.storage.k8s.io "nosuch" n
    ot found
    hint: Looked in namespace "terminal-colours"; those of all namespaces are shown
    by: kubectl backup snapshot list -A
    "#);
    insta::assert_snapshot!(narrow_coloured, @r#"
    NAME                         PVC   READY  SIZE  CLASS           GROUP      AGE
    a-name-that-takes-some-room  disk  true   64Mi  block-snapshot  release-7  5s
    ‹bold red:Error from server (NotFound):› volumesnapshots.snapshot.storage.k8s.io "nosuch" n
    ot found
    ‹cyan:hint:› Looked in namespace "terminal-colours"; those of all namespaces are shown
    by: kubectl backup snapshot list -A
    "#);
    insta::assert_snapshot!(wide, @r#"
    NAME                          PVC    READY   SIZE   CLASS            GROUP       AGE
    a-name-that-takes-some-room   disk   true    64Mi   block-snapshot   release-7   5s
    Error from server (NotFound): volumesnapshots.snapshot.storage.k8s.io "nosuch" not found
    hint: Looked in namespace "terminal-colours"; those of all namespaces are shown by: kubectl backup snapshot list -A
    "#);
    insta::assert_snapshot!(wide_coloured, @r#"
    NAME                          PVC    READY   SIZE   CLASS            GROUP       AGE
    a-name-that-takes-some-room   disk   true    64Mi   block-snapshot   release-7   5s
    ‹bold red:Error from server (NotFound):› volumesnapshots.snapshot.storage.k8s.io "nosuch" not found
    ‹cyan:hint:› Looked in namespace "terminal-colours"; those of all namespaces are shown by: kubectl backup snapshot list -A
    "#);
}

#[test]
fn h4_h5_restore_and_clone_say_what_comes_of_them() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-restore");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "first"]).ok();
    let [narrow, wide] = SCREENS.map(|screen| {
        let target = format!("disk-{:03}", screen.0);
        recorded.ended(screen, &["snapshot", "restore", "first", "--to", &target])
    });
    insta::assert_snapshot!(narrow, @"
    persistentvolumeclaim/disk-080 created
    PVC disk-080 is bound (after 5s)
    ");
    insta::assert_snapshot!(wide, @"
    persistentvolumeclaim/disk-120 created
    PVC disk-120 is bound (after 5s)
    ");
    let [narrow, wide] = SCREENS.map(|screen| {
        let target = format!("copy-{:03}", screen.0);
        recorded.ended(screen, &["clone", "disk", &target])
    });
    insta::assert_snapshot!(narrow, @"
    persistentvolumeclaim/copy-080 created
    PVC copy-080 is bound (after 5s)
    ");
    insta::assert_snapshot!(wide, @"
    persistentvolumeclaim/copy-120 created
    PVC copy-120 is bound (after 5s)
    ");
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
    let [narrow, wide] = SCREENS.map(plan);
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

/// Who else holds slots here differs from run to run: what is told is the form.
#[test]
fn w1_quota_is_read_at_every_width_and_colour() {
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-quota");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "held-while-quota-is-shown"]).ok();
    for (columns, colours) in ALL_SCREENS {
        let screen = recorded.ended((columns, colours), &["quota"]);
        let header = screen.lines().find(|line| line.starts_with("RESOURCE") && line.contains("NAMESPACE"));
        assert!(header.is_some_and(|line| line.ends_with("AGE")), "{columns} columns:\n{screen}");
        let row = screen.lines().find(|line| line.contains("held-while-quota-is-shown"));
        assert!(row.is_some_and(|line| line.ends_with('s')), "{columns} columns, no age at the row's end:\n{screen}");
        let warning = if colours { "\n‹bold yellow:Warning:› the limits" } else { "\nWarning: the limits" };
        assert!(screen.contains(warning), "{columns} columns, colours: {colours}\n{screen}");
    }
}
