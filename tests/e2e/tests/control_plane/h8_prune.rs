//! H8: a history of snapshots is shortened, and something is always left to restore.

use e2e_tests::{Claim, Loss, Relay, Terminal, TestCluster};

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
    run.says("of-velero").says("--include-velero").says("one of the newest");
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

    // All are of this month: of the two of this claim, Velero's and ours, one stays.
    let run = shop.plugin(&["snapshot", "prune", "--keep-monthly", "1", "share", "--include-velero", "--yes"]).ok();
    run.says("newest of its month");
    let of_share = names().into_iter().filter(|name| name == "share-1" || name == "of-velero").count();
    assert_eq!(of_share, 1, "{:?}", names());
}

#[test]
fn h7_h8_what_is_needed_or_cannot_be_read_does_not_keep_the_others() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h8");
    Claim::block(&shop, "data");
    for name in ["needed", "odd", "a-old", "z-new"] {
        shop.plugin(&["snapshot", "create", "data", "--name", name]).ok();
    }
    let waits = ["--storage-class", "test-block-wait"];
    shop.plugin(&[&["snapshot", "restore", "needed", "--to", "later"][..], &waits].concat()).ok();
    shop.kubectl(&["annotate", "volumesnapshot", "odd", "kubectl-backup.dev/rollback={}"]);
    let names = || shop.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[*].metadata.name}"]);

    let run = shop.plugin(&["snapshot", "prune", "--keep", "1", "--yes"]).ok();
    run.says("left out: needed").says("left out: odd").says("needed now");
    assert_eq!(names(), "needed odd z-new");
    shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ends_with(1).says("\"later\"").says("nothing was deleted");
    shop.kubectl(&["delete", "pvc", "later"]);
    shop.plugin(&["snapshot", "delete", "odd", "--yes"]).ends_with(1).says("nothing was deleted");
    shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ok().says("left out: odd");
    assert_eq!(names(), "odd");
    shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ok().says("left out: odd");
}

#[test]
fn h7_the_contents_of_many_are_read_at_once() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    Claim::block(&shop, "data");
    for n in 0..9 {
        shop.plugin(&["snapshot", "create", "data", "--name", &format!("s{n}"), "--no-wait"]).ok();
    }
    for n in 0..9 {
        cluster.wait_for(shop.name(), &format!("volumesnapshot/s{n}"), "jsonpath={.status.readyToUse}=true", 120);
    }
    let single = "GET /apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents/";
    let relay = Relay::start(&cluster, single, 0, Loss::Held);
    let args = ["snapshot", "delete", "--all", "--dry-run=server", "-n", shop.name()];
    cluster.plugin_with(&relay.kubeconfig(), &args).ok().says("the storage's copy is deleted too");
    assert_eq!(relay.answers(), 0);
}

#[test]
fn h8_what_stands_in_for_one_that_is_gone_since_the_question_was_put_stays() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h8");
    Claim::block(&shop, "data");
    for name in ["a-old", "b-mid", "c-new"] {
        shop.plugin(&["snapshot", "create", "data", "--name", name]).ok();
    }
    let kubeconfig = cluster.cluster().kubeconfig();
    let variables = [("KUBECONFIG", kubeconfig.to_str().unwrap()), ("TERM", "xterm"), ("NO_COLOR", "1")];
    let args = ["snapshot", "prune", "--keep", "1", "-n", shop.name()];
    let mut terminal = Terminal::start(cluster.plugin_path(), &args, &variables, 120);
    terminal.wait_until(|text| text.contains("[y/N]"));
    shop.plugin(&["snapshot", "delete", "c-new", "--yes"]).ok();
    terminal.press("y\r");
    let (code, text) = terminal.end();
    assert!(code == 0 && text.contains("left out: b-mid") && text.contains("one of the newest"), "{text}");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[*].metadata.name}"]), "b-mid");
}
