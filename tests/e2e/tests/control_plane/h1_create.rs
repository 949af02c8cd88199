//! H1: a snapshot is taken and waited for; the driver's error is shown at once.

use std::time::Duration;

use e2e_tests::{Claim, Hold, TestCluster};

/// A snapshot class of a test's own, with a fault of the test driver.
fn class(cluster: &TestCluster, name: &str, fault: &str, value: &str) -> SnapshotClass {
    cluster.try_kubectl(&["delete", "volumesnapshotclass", name, "--ignore-not-found"]);
    cluster.create(&format!(
        r#"{{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshotClass","metadata":{{"name":"{name}"}},
        "driver":"block.csi.test.kubectl-backup.dev","deletionPolicy":"Delete","parameters":{{"fault.test/{fault}":"{value}"}}}}"#
    ));
    SnapshotClass(name.into())
}

struct SnapshotClass(String);

#[test]
fn h1_snapshot_is_ready_when_the_command_returns() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h1");
    Claim::block(&shop, "data");
    let run = shop.plugin(&["snapshot", "create", "data", "--name", "first"]).ok();
    assert_eq!(run.stdout, "volumesnapshot.snapshot.storage.k8s.io/first created\n");
    let ready = shop.kubectl(&["get", "volumesnapshot", "first", "-o", "jsonpath={.status.readyToUse}"]);
    assert_eq!(ready, "true");
}

#[test]
fn h1_a_derived_name_is_the_claim_and_the_time() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h1");
    Claim::block(&shop, "data");
    // The shorthand: a noun followed by an object's name.
    let run = shop.plugin(&["snapshot", "data", "-o", "name"]).ok();
    let name = run.stdout.trim().strip_prefix("volumesnapshot.snapshot.storage.k8s.io/data-").unwrap().to_owned();
    assert!(name.len() == 14 && name.bytes().all(|byte| byte.is_ascii_digit()), "{name}");
}

#[test]
fn h1_the_drivers_error_is_shown_at_once() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h1");
    Claim::block(&shop, "data");
    let class = class(&cluster, "h1-fail", "fail", "the array is out of space");
    let run =
        shop.plugin(&["snapshot", "create", "data", "--name", "broken", "--class", &class.0, "--timeout", "120s"]);
    let run = run.ends_with(1).says("the array is out of space").says("kubectl backup snapshot delete broken");
    assert!(run.took < Duration::from_secs(110), "took {:?}", run.took);
    shop.kubectl(&["delete", "volumesnapshot", "broken", "--wait=false"]);
}

#[test]
fn h1_a_wait_that_takes_too_long_ends_with_124_and_keeps_the_snapshot() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h1");
    Claim::block(&shop, "data");
    let held = Hold::new(&shop, "block");
    let class = class(&cluster, "h1-slow", "hold", held.name());
    let run = shop.plugin(&["snapshot", "create", "data", "--name", "slow", "--class", &class.0, "--timeout", "2s"]);
    run.ends_with(124).says("kubectl backup snapshot describe slow");
    held.release();
    cluster.wait_for(shop.name(), "volumesnapshot/slow", "jsonpath={.status.readyToUse}=true", 120);
}

#[test]
fn h1_no_wait_returns_before_the_snapshot_is_ready() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h1");
    Claim::block(&shop, "data");
    let held = Hold::new(&shop, "block");
    let class = class(&cluster, "h1-later", "hold", held.name());
    shop.plugin(&["snapshot", "create", "data", "--name", "later", "--class", &class.0, "--wait=false"]).ok();
    held.release();
    cluster.wait_for(shop.name(), "volumesnapshot/later", "jsonpath={.status.readyToUse}=true", 120);
}

#[test]
fn h1_dry_runs_keep_nothing() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h1");
    Claim::block(&shop, "data");
    let client = shop.plugin(&["snapshot", "create", "data", "--name", "dry", "--dry-run=client", "-o", "json"]).ok();
    let object = client.json();
    assert_eq!(object["kind"], "VolumeSnapshot");
    assert_eq!(object["spec"]["source"]["persistentVolumeClaimName"], "data");
    assert_eq!(object["spec"]["volumeSnapshotClassName"], "block-snapshot");
    let server = shop.plugin(&["snapshot", "create", "data", "--name", "dry", "--dry-run=server"]).ok();
    assert_eq!(server.stdout, "volumesnapshot.snapshot.storage.k8s.io/dry created (server dry run)\n");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h1_snapshots_of_one_second_get_different_names() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h1");
    Claim::block(&shop, "data");
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..4).map(|_| scope.spawn(|| shop.plugin(&["snapshot", "create", "data", "--no-wait"]).ok())).collect();
        runs.into_iter().for_each(|run| drop(run.join().unwrap()));
    });
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]).lines().count(), 4);
}

#[test]
fn h1_a_verb_that_is_none_is_told_from_a_claim() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h1");
    let run = shop.plugin(&["snapshot", "ls"]).ends_with(1);
    run.says("`snapshot ls` was taken for `snapshot create ls`").says("list");
}

#[test]
fn w1_a_webhook_that_does_not_answer_is_named_with_where_it_runs() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("w1");
    let name = shop.name();
    Claim::block(&shop, "data");
    // As the real one when its pods are gone, but for this namespace only.
    cluster.create(&format!(
        r#"{{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{{"name":"{name}"}},
        "webhooks":[{{"name":"quota.kubectl-backup.dev","admissionReviewVersions":["v1"],"sideEffects":"None",
        "namespaceSelector":{{"matchLabels":{{"kubernetes.io/metadata.name":"{name}"}}}},
        "clientConfig":{{"url":"https://127.0.0.1:1/"}},
        "rules":[{{"apiGroups":["snapshot.storage.k8s.io"],"apiVersions":["v1"],"resources":["volumesnapshots"],"operations":["CREATE"]}}]}}]}}"#
    ));
    // The API server takes a new configuration up after a moment: until then, trials go through.
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let run = loop {
        let run = shop.plugin(&["snapshot", "create", "data", "--dry-run=server"]);
        if run.code != 0 || std::time::Instant::now() > deadline {
            break run;
        }
    };
    cluster.kubectl(&["delete", "validatingwebhookconfiguration", name]);
    run.ends_with(1)
        .says("failed calling webhook")
        .says("kubectl get deployment/backup-webhook -n kubectl-backup-system");
}
