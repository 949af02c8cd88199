//! H8: a history of snapshots is shortened, and something is always left to restore.

use e2e_tests::{Claim, TestCluster};

#[test]
fn h8_prune_keeps_the_newest_of_each_claim_and_leaves_veleros_alone() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h8");
    Claim::block(&shop, "data");
    Claim::files(&shop, "share");
    for name in ["data-1", "data-2", "data-3"] {
        shop.plugin(&["snapshot", "create", "data", "--name", name]).ok();
    }
    shop.plugin(&["snapshot", "create", "share", "--name", "share-1"]).ok();
    shop.plugin(&["snapshot", "create", "share", "--name", "of-velero", "--labels", "velero.io/backup-name=b"]).ok();
    let names = || {
        let listed = shop.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[*].metadata.name}"]);
        listed.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };

    let run = shop.plugin(&["snapshot", "prune", "--keep", "1", "--dry-run"]).ok();
    assert!(run.stdout.contains("\"data-1\" deleted") && run.stdout.contains("(dry run)"), "{}", run.stdout);
    run.says("of-velero").says("one of the newest");
    assert_eq!(names().len(), 5);

    // Nobody can be asked: nothing is done.
    shop.plugin(&["snapshot", "prune", "--keep", "2"]).ends_with(2).says("--yes");
    shop.plugin(&["snapshot", "prune", "--keep", "2", "--yes"]).ok();
    assert_eq!(names(), ["data-2", "data-3", "of-velero", "share-1"]);

    // All are older than nothing; the last of each claim stays all the same.
    shop.plugin(&["snapshot", "prune", "--older-than", "0", "data", "--yes"]).ok();
    let left = names();
    assert!(left.len() >= 3 && left.contains(&"data-3".to_owned()), "{left:?}");
    shop.plugin(&["snapshot", "prune"]).ends_with(2).says("--keep");
}
