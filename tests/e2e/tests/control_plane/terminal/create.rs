use e2e_tests::{Claim, Hold, TestCluster};

use super::{Recorded, settings};

#[test]
fn h1_create_draws_a_bar_for_each_volume() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-create");
    let shop = &recorded.namespace;
    for claim in ["disk", "uploads"] {
        Claim::block(shop, claim);
    }
    // Of a name of the same length in every run: it stands in the columns.
    let mut ends = Vec::new();
    let [narrow, wide] = Recorded::each(|screen| {
        let (columns, coloured) = screen;
        let class = format!("held-{:03}", columns + u16::from(coloured));
        cluster.try_kubectl(&["delete", "volumesnapshotclass", &class, "--ignore-not-found"]);
        let held = Hold::named(&cluster, "block", &format!("{class}-{}", std::process::id()));
        cluster.create(&held_class(&class, &held));
        let group = format!("g{columns}");
        let args = ["snapshot", "create", "disk", "uploads", "--class", &class, "--group", &group];
        let terminal = recorded.start(screen, &args);
        let seen = terminal.wait_until(bars_are_drawn);
        held.release();
        ends.push(sorted(&terminal.end().1));
        cluster.kubectl(&["delete", "volumesnapshotclass", &class]);
        shop.plugin(&["snapshot", "delete", "--group", &group, "--yes"]).ok();
        seen
    });
    let [narrow_end, _, _, wide_end] = ends.try_into().unwrap();
    insta::assert_snapshot!(narrow, @"
    To be taken:
      NAME                   PVC     CLASS    DRIVER                            SIZE
      disk-20261121101500    disk    held-080 block.csi.test.kubectl-backup.dev 64Mi
      uploads-20261121101500 uploads held-080 block.csi.test.kubectl-backup.dev 64Mi
    group: g80
    volumesnapshot.snapshot.storage.k8s.io/disk-20261121101500 created
    volumesnapshot.snapshot.storage.k8s.io/uploads-20261121101500 created
    * snapshot disk-20261121101500    [====>   ] being taken                      5s
    * snapshot uploads-20261121101500 [====>   ] being taken                      5s
    ");
    insta::assert_snapshot!(narrow_end, @"
    To be taken:
      NAME                   PVC     CLASS    DRIVER                            SIZE
      disk-20261121101500    disk    held-080 block.csi.test.kubectl-backup.dev 64Mi
      uploads-20261121101500 uploads held-080 block.csi.test.kubectl-backup.dev 64Mi
    group: g80
    volumesnapshot.snapshot.storage.k8s.io/disk-20261121101500 created
    volumesnapshot.snapshot.storage.k8s.io/uploads-20261121101500 created
    snapshot disk-20261121101500 is ready (64Mi, after 5s)
    snapshot uploads-20261121101500 is ready (64Mi, after 5s)
    ");
    insta::assert_snapshot!(wide, @"
    To be taken:
      NAME                     PVC       CLASS      DRIVER                              SIZE
      disk-20261121101500      disk      held-121   block.csi.test.kubectl-backup.dev   64Mi
      uploads-20261121101500   uploads   held-121   block.csi.test.kubectl-backup.dev   64Mi
    group: g120
    volumesnapshot.snapshot.storage.k8s.io/disk-20261121101500 created
    volumesnapshot.snapshot.storage.k8s.io/uploads-20261121101500 created
    * snapshot disk-20261121101500    [====>   ] being taken                                                              5s
    * snapshot uploads-20261121101500 [====>   ] being taken                                                              5s
    ");
    insta::assert_snapshot!(wide_end, @"
    To be taken:
      NAME                     PVC       CLASS      DRIVER                              SIZE
      disk-20261121101500      disk      held-121   block.csi.test.kubectl-backup.dev   64Mi
      uploads-20261121101500   uploads   held-121   block.csi.test.kubectl-backup.dev   64Mi
    group: g120
    volumesnapshot.snapshot.storage.k8s.io/disk-20261121101500 created
    volumesnapshot.snapshot.storage.k8s.io/uploads-20261121101500 created
    snapshot disk-20261121101500 is ready (64Mi, after 5s)
    snapshot uploads-20261121101500 is ready (64Mi, after 5s)
    ");
}

#[test]
fn h1_a_drivers_error_ends_the_wait_and_says_what_to_do() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-driver-fault");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    cluster.try_kubectl(&["delete", "volumesnapshotclass", "faulty", "--ignore-not-found"]);
    let class = serde_json::json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass",
        "metadata": {"name": "faulty"}, "driver": "block.csi.test.kubectl-backup.dev", "deletionPolicy": "Delete",
        "parameters": {"fault.test/fail": "the pool is degraded"}});
    cluster.create(&class.to_string());
    // So long that the name of the volume, which differs from run to run, stands in one line.
    let [narrow, wide] = Recorded::each(|screen| {
        let name = format!("before-the-upgrade-{:03}", screen.0 + u16::from(screen.1));
        let args = ["snapshot", "create", "disk", "--name", &name, "--class", "faulty"];
        let (code, text) = recorded.start(screen, &args).end();
        assert_eq!(code, 1, "{text}");
        text
    });
    insta::assert_snapshot!(narrow, @r#"
    using VolumeSnapshotClass "faulty" (as named)
    volumesnapshot.snapshot.storage.k8s.io/before-the-upgrade-080 created
    error: VolumeSnapshot "before-the-upgrade-080" in namespace "terminal-driver-fau
    lt" failed: Failed to create snapshot: failed to take snapshot of the volume pvc
    -01234567-89ab-cdef-0123-456789abcdef: "rpc error: code = Internal desc = the po
    ol is degraded"
    hint: It stays and holds a slot of the quota; the driver may try again. Look wit
    h: kubectl backup snapshot describe before-the-upgrade-080 -n terminal-driver-fa
    ult
    hint: Remove it with: kubectl backup snapshot delete before-the-upgrade-080 -n t
    erminal-driver-fault
    "#);
    insta::assert_snapshot!(wide, @r#"
    using VolumeSnapshotClass "faulty" (as named)
    volumesnapshot.snapshot.storage.k8s.io/before-the-upgrade-121 created
    ‹bold red:error:› VolumeSnapshot "before-the-upgrade-121" in namespace "terminal-driver-fault" failed: Failed to create snapshot: f
    ailed to take snapshot of the volume pvc-01234567-89ab-cdef-0123-456789abcdef: "rpc error: code = Internal desc = the po
    ol is degraded"
    ‹cyan:hint:› It stays and holds a slot of the quota; the driver may try again. Look with: kubectl backup snapshot describe befo
    re-the-upgrade-121 -n terminal-driver-fault
    ‹cyan:hint:› Remove it with: kubectl backup snapshot delete before-the-upgrade-121 -n terminal-driver-fault
    "#);
    shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ok();
    cluster.kubectl(&["delete", "volumesnapshotclass", "faulty"]);
}

fn held_class(name: &str, held: &Hold) -> String {
    serde_json::json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass", "metadata": {"name": name},
        "driver": "block.csi.test.kubectl-backup.dev", "deletionPolicy": "Delete", "parameters": {"fault.test/hold": held.name()}})
    .to_string()
}

/// Both, each to its end: a line as wide as the screen runs into the next one.
fn bars_are_drawn(text: &str) -> bool {
    let is_whole =
        |rest: &&str| rest.trim_start().trim_start_matches(|char: char| char.is_ascii_digit()).starts_with('s');
    text.split("being taken").skip(1).filter(is_whole).count() == 2
}

/// Volumes become ready in any order.
fn sorted(screen: &str) -> String {
    let (mut ready, mut lines): (Vec<_>, Vec<_>) = screen.lines().partition(|line| line.contains(" is ready ("));
    ready.sort_unstable();
    lines.append(&mut ready);
    lines.join("\n")
}
