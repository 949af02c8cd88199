use e2e_tests::{Claim, TestCluster};

use super::{Recorded, settings};

#[test]
fn h4_h5_restore_and_clone_say_what_comes_of_them() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-restore");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "first"]).ok();
    let [narrow, wide] = Recorded::each(|screen| {
        let target = format!("disk-{:03}", screen.0 + u16::from(screen.1));
        recorded.ended(screen, &["snapshot", "restore", "first", "--to", &target])
    });
    insta::assert_snapshot!(narrow, @"
    persistentvolumeclaim/disk-080 created
    PVC disk-080 is bound (after 5s)
    ");
    insta::assert_snapshot!(wide, @"
    persistentvolumeclaim/disk-121 created
    PVC disk-121 is bound (after 5s)
    ");
    let [narrow, wide] = Recorded::each(|screen| {
        let target = format!("copy-{:03}", screen.0 + u16::from(screen.1));
        recorded.ended(screen, &["clone", "disk", &target])
    });
    insta::assert_snapshot!(narrow, @"
    persistentvolumeclaim/copy-080 created
    PVC copy-080 is bound (after 5s)
    ");
    insta::assert_snapshot!(wide, @"
    persistentvolumeclaim/copy-121 created
    PVC copy-121 is bound (after 5s)
    ");
}

#[test]
fn h6_a_restore_elsewhere_names_what_it_goes_through() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-source");
    let depot = cluster.namespace_named("terminal-target");
    Claim::block(&recorded.namespace, "disk");
    recorded.namespace.plugin(&["snapshot", "create", "disk", "--name", "first"]).ok();
    let [narrow, wide] = Recorded::each(|screen| {
        let target = format!("disk-{:03}", screen.0 + u16::from(screen.1));
        let args = ["snapshot", "restore", "first", "--to", &target, "--to-namespace", depot.name()];
        let (code, text) = recorded.start(screen, &args).end();
        assert_eq!(code, 0, "{text}");
        text
    });
    insta::assert_snapshot!(narrow, @"
    volumesnapshotcontent.snapshot.storage.k8s.io/kubectl-backup-terminal-target-dis
    k-080-restore-20261121101500 created
    volumesnapshot.snapshot.storage.k8s.io/disk-080-restore-20261121101500 created
    persistentvolumeclaim/disk-080 created
    PVC disk-080 is bound (after 5s)
    ");
    insta::assert_snapshot!(wide, @"
    volumesnapshotcontent.snapshot.storage.k8s.io/kubectl-backup-terminal-target-disk-121-restore-20261121101500 created
    volumesnapshot.snapshot.storage.k8s.io/disk-121-restore-20261121101500 created
    persistentvolumeclaim/disk-121 created
    PVC disk-121 is bound (after 5s)
    ");
    assert_eq!(depot.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}
