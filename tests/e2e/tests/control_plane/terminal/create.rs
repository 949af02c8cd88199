use e2e_tests::{Claim, TestCluster};

use super::{Recorded, SCREENS, settings};

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
