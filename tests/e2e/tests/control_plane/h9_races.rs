//! H9: what happens between a look and a write, or while a question stands.

use std::time::Duration;

use e2e_tests::{Claim, Loss, Namespace, Relay, Run, TestCluster, until};

use crate::ledger::Ledger;

/// A PVC with other bytes than its snapshot `good`.
fn start<'a>(shop: &'a Namespace<'a>) -> Ledger<'a> {
    let ledger = Ledger::with(shop, b"good");
    ledger.snapshot("good");
    ledger.write(b"bad");
    ledger
}

/// The plugin's `snapshot rollback good`, with `meanwhile` done while its first such request is on its way.
#[track_caller]
fn overtaken(ledger: &Ledger<'_>, request: &str, flags: &[&str], meanwhile: impl FnOnce()) -> Run {
    let args = [&["snapshot", "rollback", "good", "--yes", "-n", ledger.shop.name()], flags].concat();
    let cluster = ledger.shop.cluster();
    Relay::first(cluster, request, meanwhile, |kubeconfig| cluster.plugin_with(kubeconfig, &args))
}

const VOLUMES: &str = "PATCH /api/v1/persistentvolumes/";

#[test]
fn h9_what_an_undo_needs_is_not_let_go_by_who_was_asked_before_it_began() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    let old = ledger.volume();
    ledger.rollback("good", &["--safety", "volume"]).ok();
    let run = overtaken(&ledger, VOLUMES, &["--finish"], || {
        let undo = ["snapshot", "rollback", "good", "--undo", "--yes", "-n", shop.name()];
        cluster.plugin_killed_at("deleting the PVC", &undo);
    });
    run.ends_with(1).says("another run goes on with the rollback").says("did nothing more");
    let meanwhile = ledger.rollback("good", &["--continue"]).ok().stderr;
    assert!(meanwhile.contains("What was written meanwhile is kept in volume"), "{meanwhile}");
    assert_eq!((ledger.volume(), ledger.read()), (old, b"bad".to_vec()));
}

#[test]
fn h9_what_others_take_away_or_put_there_at_that_moment_is_looked_at_again() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    // A workload that is deleted while it is to be scaled down.
    shop.kubectl(&["create", "deployment", "web", "--image=none", "--replicas=1"]);
    let volumes =
        r#"{"spec":{"template":{"spec":{"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]}}}}"#;
    shop.kubectl(&["patch", "deployment", "web", "-p", volumes]);
    until("a pod uses the PVC", Duration::from_secs(60), || {
        let path = "jsonpath={.items[*].spec.volumes[*].persistentVolumeClaim.claimName}";
        shop.kubectl(&["get", "pods", "-o", path]).contains("data")
    });
    let run = overtaken(&ledger, "PATCH /apis/apps/v1/", &["--safety", "volume"], || {
        shop.kubectl(&["delete", "deployment", "web", "--cascade=foreground"]);
        shop.kubectl(&["delete", "pods", "--all", "--force"]);
    });
    run.ok();
    // A PVC that is deleted while it is to be, and made again by somebody.
    let run = overtaken(&ledger, "DELETE /api/v1/namespaces/", &["--undo"], || {
        shop.kubectl(&["delete", "pvc", "data"]);
        cluster.create(&Claim::manifest(shop.name(), "data", "test-block-std"));
    });
    run.ends_with(1).says("somebody else made a PVC \"data\"").says("--continue");
    shop.kubectl(&["delete", "pvc", "data"]);
    ledger.rollback("good", &["--continue"]).ok();
    assert_eq!(ledger.read(), b"bad");
}

#[test]
fn h9_a_snapshot_that_its_controllers_write_to_at_that_moment_is_begun_from_all_the_same() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    let notes = "PATCH /apis/snapshot.storage.k8s.io/";
    let run = overtaken(&ledger, notes, &["--safety", "volume"], || {
        shop.kubectl(&["annotate", "volumesnapshot", "good", "example.test/touched=yes"]);
    });
    run.ok();
    ledger.rollback("good", &["--undo"]).ok();
    // Another run that begins at that moment is not written over.
    let run = overtaken(&ledger, notes, &["--safety", "volume"], || {
        let args = ["snapshot", "rollback", "good", "--yes", "--safety", "volume", "-n", shop.name()];
        cluster.plugin_killed_at("keeping volume", &args);
    });
    run.ends_with(1).says("is under way").says("--undo");
    ledger.rollback("good", &["--undo"]).ok();
    assert_eq!(ledger.read(), b"bad");
}

#[test]
fn h9_a_namespace_that_is_full_with_the_pvc_has_room_for_the_one_in_its_place() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    let quota = |command: &[&str], count: &str| {
        shop.kubectl(command);
        let used = format!("jsonpath={{.status.hard.persistentvolumeclaims}}={count}");
        cluster.wait_for(shop.name(), "resourcequota/full", &used, 120);
    };
    quota(&["create", "quota", "full", "--hard=persistentvolumeclaims=1,requests.storage=64Mi"], "1");
    cluster.wait_for(shop.name(), "resourcequota/full", "jsonpath={.status.used.persistentvolumeclaims}=1", 120);
    ledger.rollback("good", &["--safety", "volume"]).ok();
    assert_eq!(ledger.read(), b"good");
    ledger.rollback("good", &["--undo"]).ok();
    assert_eq!(ledger.read(), b"bad");
    // One that is full for good ends the wait.
    let run = overtaken(&ledger, "DELETE /api/v1/namespaces/", &["--safety", "volume", "--timeout", "20s"], || {
        let patch = r#"{"spec":{"hard":{"persistentvolumeclaims":"0"}}}"#;
        quota(&["patch", "resourcequota", "full", "-p", patch], "0");
    });
    let run = run.ends_with(124).says("exceeded quota: full").says("kubectl describe resourcequota").says("--continue");
    assert!(!run.stderr.contains("kubectl backup quota"), "{}", run.stderr);
    shop.kubectl(&["delete", "quota", "full"]);
    ledger.rollback("good", &["--continue"]).ok();
    assert_eq!(ledger.read(), b"good");
}

#[test]
fn h9_the_snapshot_of_the_old_data_is_told_from_others_of_its_name() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    let creates = "POST /apis/snapshot.storage.k8s.io/";
    let mut taken = String::new();
    let run = overtaken(&ledger, creates, &[], || {
        let notes = ledger.field("volumesnapshot/good", r"{.metadata.annotations.kubectl-backup\.dev/rollback}");
        let notes: serde_json::Value = serde_json::from_str(&notes).expect("JSON");
        taken = notes["safety"].as_str().expect("a name").to_owned();
        ledger.snapshot(&taken);
    });
    run.ok().says("there is no snapshot of the data as they are").says("is kept all the same");
    // Another's stays, and is not called this one's.
    assert_eq!(ledger.field(&format!("volumesnapshot/{taken}"), "{.metadata.deletionTimestamp}"), "");
    let undone = ledger.rollback("good", &["--undo"]).ok();
    assert!(!undone.stderr.contains(&taken), "{}", undone.stderr);

    // One that was made although nobody heard of it is not left to itself.
    let relay = Relay::start(&cluster, creates, 1, Loss::Broken);
    let args = ["snapshot", "rollback", "good", "--yes", "-n", shop.name()];
    let run = cluster.plugin_with(&relay.kubeconfig(), &args).ok();
    assert!(!run.stderr.contains("there is no snapshot of the data"), "{}", run.stderr);
    let own = ["get", "volumesnapshots", "-l", "kubectl-backup.dev/safety=true", "-o", "name"];
    assert_eq!(shop.kubectl(&own).lines().count(), 1);
    ledger.rollback("good", &["--undo"]).ok().says("it holds a slot of the quota");
    assert_eq!(ledger.read(), b"bad");
}

#[test]
fn h9_whoever_interrupts_before_the_notes_are_gone_is_told_how_to_go_on() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    ledger.rollback("good", &["--safety", "volume"]).ok();
    let args = |way| ["snapshot", "rollback", "good", way, "--yes", "-n", shop.name()];
    let making = Relay::start(&cluster, "POST /api/v1/namespaces/", 1, Loss::Held);
    cluster.plugin_signalled_when(&making.kubeconfig(), "KILL", &args("--undo"), || making.wait_for_answers(1));
    drop(making);
    // The only write to the snapshot that is left takes the notes away.
    let relay = Relay::start(&cluster, "PATCH /apis/snapshot.storage.k8s.io/", 1, Loss::Held);
    let run = cluster.plugin_signalled_when(&relay.kubeconfig(), "INT", &args("--continue"), || {
        relay.wait_for_answers(1);
    });
    run.ends_with(130).says("is not finished").says("--continue");
    assert_eq!(ledger.read(), b"bad");
}

#[test]
fn h9_a_deletion_that_comes_after_the_undo_takes_no_data_with_it() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    let (uid, volume) = (ledger.uid(), ledger.volume());
    let run = overtaken(&ledger, "DELETE /api/v1/namespaces/", &["--safety", "volume"], || {
        ledger.rollback("good", &["--undo"]).ok();
    });
    run.ends_with(1).says("another run has ended the rollback");
    assert_eq!((ledger.uid(), ledger.volume(), ledger.read()), (uid, volume, b"bad".to_vec()));
    assert_eq!(ledger.field("pvc/data", r"{.metadata.annotations.kubectl-backup\.dev/undo}"), "");
}

#[test]
fn h9_an_undo_takes_nothing_away_for_data_that_were_let_go_at_that_moment() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h9");
    let ledger = start(&shop);
    let old = ledger.volume();
    ledger.rollback("good", &["--safety", "volume"]).ok();
    let uid = ledger.uid();
    // As after a run that was killed before it took the notes away.
    cluster.kubectl(&[
        "patch",
        "pv",
        &old,
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":["test.kubectl-backup.dev/stays"]}}"#,
    ]);
    let policy = r#"{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}"#;
    cluster.kubectl(&["patch", "pv", &old, "-p", policy]);
    let undo = ledger.rollback("good", &["--undo"]).ends_with(1).says("The way back is not open; nothing was changed");
    assert!(undo.stderr.contains("was let go") || undo.stderr.contains("is being deleted"), "{}", undo.stderr);
    cluster.wait_for("default", &format!("pv/{old}"), "jsonpath={.metadata.deletionTimestamp}", 120);
    ledger.rollback("good", &["--undo"]).ends_with(1).says("is being deleted").says("nothing was changed");
    assert_eq!((ledger.uid(), ledger.read()), (uid, b"good".to_vec()));
    cluster.kubectl(&["patch", "pv", &old, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
}
