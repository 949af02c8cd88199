//! H7: snapshots are listed, described and deleted.

use e2e_tests::{Claim, Relay, Terminal, TestCluster};

#[test]
fn h7_list_shows_snapshots_of_one_and_of_all_namespaces() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h7"), cluster.namespace("h7"));
    for namespace in [&shop, &depot] {
        Claim::block(namespace, "data");
        namespace.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    }
    let one = shop.plugin(&["snapshot", "list"]).ok().stdout;
    let mut lines = one.lines();
    let header: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "PVC", "READY", "SIZE", "CLASS", "GROUP", "AGE"]);
    let row: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(row[..5], ["snap", "data", "true", "64Mi", "block-snapshot"]);
    assert_eq!(lines.next(), None);
    let all = cluster.plugin(&["snapshot", "list", "-A", "-o", "wide"]).ok().stdout;
    assert!(all.lines().any(|line| line.starts_with(shop.name())), "{all}");
    assert!(all.lines().any(|line| line.starts_with(depot.name()) && line.contains("block.csi.test")), "{all}");
    let json = shop.plugin(&["snapshot", "list", "-o", "json"]).ok().json();
    assert_eq!(json["kind"], "List");
    assert_eq!(json["items"][0]["metadata"]["name"], "snap");
}

#[test]
fn h7_an_empty_list_says_so_beside_the_data() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    let run = shop.plugin(&["snapshot", "list"]).ok();
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr, format!("No resources found in {} namespace.\n", shop.name()));
}

#[test]
fn h7_describe_names_the_content_and_the_way_back() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let text = shop.plugin(&["snapshot", "describe", "snap"]).ok().stdout;
    for expected in ["snap", "data", "block-snapshot", "snapcontent-", "kubectl backup snapshot restore snap"] {
        assert!(text.contains(expected), "{expected:?} is missing:\n{text}");
    }
}

#[test]
fn h7_describe_tells_events_and_what_hangs_on_it_of_several_at_once() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    Claim::block(&shop, "data");
    let class = format!("failing-{}", shop.name());
    cluster.create(&format!(
        r#"{{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshotClass","metadata":{{"name":"{class}"}},
        "driver":"block.csi.test.kubectl-backup.dev","deletionPolicy":"Delete","parameters":{{"fault.test/fail":"the pool is degraded"}}}}"#
    ));
    shop.plugin(&["snapshot", "create", "data", "--name", "good"]).ok();
    shop.plugin(&["snapshot", "create", "data", "--name", "bad", "--class", &class]).ends_with(1);
    shop.plugin(&["snapshot", "restore", "good", "--to", "again"]).ok();
    let run = shop.plugin(&["snapshot", "describe", "good", "nosuch", "bad"]).ends_with(1).says("\"nosuch\"");
    let (good, bad) = run.stdout.split_once("\n\n\n").expect("two descriptions");
    assert!(good.contains("again (Bound)") && good.contains("SnapshotReady"), "{good}");
    let events = bad.split_once("Events:").map(|(_, events)| events).unwrap_or_default();
    assert!(events.contains("Warning") && events.contains("the pool is degraded"), "{bad}");
    assert!(bad.contains("Restored into:") && !bad.contains("again"), "{bad}");
    let both = shop.plugin(&["snapshot", "describe", "good", "bad", "-o", "json"]).ok().json();
    assert_eq!(both["items"][1]["snapshot"]["metadata"]["name"], "bad");
    assert!(both["items"][0]["snapshot"]["metadata"]["managedFields"].is_null());
    shop.plugin(&["snapshot", "delete", "bad", "--yes"]).ok();
    cluster.kubectl(&["delete", "volumesnapshotclass", &class]);
}

#[test]
fn h7_h3_a_selector_chooses_what_is_taken_and_what_is_deleted() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    for claim in ["a", "b", "c"] {
        Claim::block(&shop, claim);
    }
    shop.kubectl(&["label", "pvc", "a", "b", "tier=gold"]);
    shop.plugin(&["snapshot", "create", "-l", "tier=gold", "--labels", "day=monday"]).ok();
    shop.plugin(&["snapshot", "create", "-l", "tier!=gold", "--labels", "day=friday"]).ok();
    let path = "jsonpath={.items[*].spec.source.persistentVolumeClaimName}";
    let taken = |selector: &str| shop.kubectl(&["get", "volumesnapshots", "-l", selector, "-o", path]);
    assert_eq!([taken("day=monday"), taken("day=friday")], ["a b", "c"]);
    shop.plugin(&["snapshot", "create", "-l", "tier=lead"]).ends_with(1).says("tier=lead");
    shop.plugin(&["snapshot", "delete", "-l", "day in (monday)", "--yes"]).ok();
    assert_eq!(taken("day"), "c");
}

#[test]
fn h7_delete_asks_first_and_waits_until_the_snapshot_is_gone() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    // Nobody to ask: nothing happens, and the flag is named.
    shop.plugin(&["snapshot", "delete", "snap"]).ends_with(2).says("--yes");
    shop.kubectl(&["get", "volumesnapshot", "snap"]);
    shop.plugin(&["snapshot", "delete", "snap", "--yes"]).ok();
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h7_delete_of_several_checks_all_names_before_the_first_goes() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    shop.plugin(&["snapshot", "delete", "snap", "nosuch", "--yes"]).ends_with(1).says("nosuch");
    shop.kubectl(&["get", "volumesnapshot", "snap"]);
}

#[test]
fn h7_delete_of_all_leaves_out_what_velero_made() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "mine"]).ok();
    shop.plugin(&["snapshot", "create", "data", "--name", "veleros", "--labels", "velero.io/backup-name=b"]).ok();
    shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ok().says("veleros (backup \"b\")");
    assert_eq!(
        shop.kubectl(&["get", "volumesnapshots", "-o", "name"]).trim(),
        "volumesnapshot.snapshot.storage.k8s.io/veleros"
    );
    shop.plugin(&["snapshot", "delete", "veleros", "--yes"]).ok();
}

#[test]
fn h7_a_snapshot_whose_backup_is_gone_is_not_called_good() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    let name = shop.name();
    Claim::block(&shop, "data");
    shop.plugin(&["create", name, "--volumes", "snapshot"]).ok();
    shop.kubectl(&["delete", "pvc", "data"]);
    // A restore into the same namespace: Velero brings the claim back, and a snapshot to fill it from.
    shop.plugin(&["restore", name]).ok();
    let snapshot = shop.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[0].metadata.name}"]);
    let describe = || shop.plugin(&["snapshot", "describe", &snapshot]).ok().stdout;
    let text = describe();
    assert!(text.contains("its data go with that backup") && text.contains("Restore with"), "{text}");
    cluster.plugin(&["delete", name, "--yes"]).ok();
    let text = describe();
    assert!(text.contains("that backup is gone") && !text.contains("Restore with"), "{text}");
    let list = shop.plugin(&["snapshot", "list"]).ok().stdout;
    assert!(list.lines().any(|line| line.starts_with(&snapshot) && line.contains("lost")), "{list}");
    let run = shop.plugin(&["snapshot", "restore", &snapshot, "--to", "again", "--storage-class", "test-block-std"]);
    run.ends_with(1).says("that backup is gone");
}

#[test]
fn h7_what_a_rollback_needs_since_the_question_was_put_is_not_deleted() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let begin = || drop(shop.kubectl(&["annotate", "volumesnapshot", "snap", "kubectl-backup.dev/rollback={}"]));
    let kubeconfig = cluster.cluster().kubeconfig();
    let variables = [("KUBECONFIG", kubeconfig.to_str().unwrap()), ("TERM", "xterm"), ("NO_COLOR", "1")];
    let args = ["snapshot", "delete", "snap", "-n", shop.name()];
    let mut terminal = Terminal::start(cluster.plugin_path(), &args, &variables, 120);
    terminal.wait_until(|text| text.contains("[y/N]"));
    begin();
    terminal.press("y\r");
    let (code, text) = terminal.end();
    assert!(code == 1 && text.contains("nothing was deleted"), "{text}");
    shop.kubectl(&["annotate", "volumesnapshot", "snap", "kubectl-backup.dev/rollback-"]);

    // Also where the request to delete is on its way by then.
    let delete = format!("DELETE /apis/snapshot.storage.k8s.io/v1/namespaces/{}/volumesnapshots/snap", shop.name());
    let args = ["snapshot", "delete", "snap", "--yes", "-n", shop.name()];
    let run = Relay::first(&cluster, &delete, begin, |kubeconfig| cluster.plugin_with(kubeconfig, &args));
    run.ends_with(1).says("is no rollback of this program").says("it was not deleted");
    // What changes otherwise does not keep it.
    shop.kubectl(&["annotate", "volumesnapshot", "snap", "kubectl-backup.dev/rollback-"]);
    let note = || drop(shop.kubectl(&["annotate", "volumesnapshot", "snap", "note=x"]));
    Relay::first(&cluster, &delete, note, |kubeconfig| cluster.plugin_with(kubeconfig, &args)).ok();
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}
