//! H3: many volumes at once, as one group, all or nothing.

use std::{thread, time::Duration};

use e2e_tests::{Claim, Hold, Namespace, Refusal, TestCluster, noise, sha256, until};

fn group_of(shop: &Namespace<'_>) -> String {
    let path = "jsonpath={.items[0].metadata.labels.kubectl-backup\\.dev/group}";
    shop.kubectl(&["get", "volumesnapshots", "-o", path])
}

/// How many snapshots of the namespace have a content, by which their driver is told to take them.
fn contents(shop: &Namespace<'_>) -> usize {
    let path = "jsonpath={.items[*].spec.volumeSnapshotRef.namespace}";
    let namespaces = shop.cluster().kubectl(&["get", "volumesnapshotcontents", "-o", path]);
    namespaces.split(' ').filter(|namespace| *namespace == shop.name()).count()
}

fn snapshotted(shop: &Namespace<'_>) -> Vec<String> {
    let path = "jsonpath={range .items[*]}{.spec.source.persistentVolumeClaimName}{\"\\n\"}{end}";
    let mut claims: Vec<String> =
        shop.kubectl(&["get", "volumesnapshots", "-o", path]).lines().map(str::to_owned).collect();
    claims.sort();
    claims
}

#[test]
fn h3_all_volumes_are_taken_together_and_come_back_as_they_were() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h3");
    let (disk, share) = (Claim::block(&shop, "disk"), Claim::files(&shop, "share"));
    let (of_disk, of_share) = (noise(1, 300_000), noise(2, 300_000));
    disk.write("file", &of_disk);
    share.write("file", &of_share);
    let run = shop.plugin(&["snapshot", "create", "--all", "--annotations", "note=a,b", "--labels", "tier=gold"]).ok();
    assert_eq!(run.stdout.lines().filter(|line| line.ends_with(" created")).count(), 2, "{}", run.stdout);
    disk.write("file", b"overwritten");
    share.write("file", b"overwritten");
    let group = group_of(&shop);
    assert!(group.starts_with(shop.name()), "{group}");
    let object = shop.plugin(&["snapshot", "list", "--group", &group, "-l", "tier=gold", "-o", "json"]).ok().json();
    assert_eq!(object["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(object["items"][0]["metadata"]["annotations"]["note"], "a,b");
    shop.plugin(&["snapshot", "restore", "--group", &group, "--name-suffix=-again"]).ok();
    let bytes = |name: &str, family| sha256(&Claim::existing(&shop, name, family).read("file"));
    assert_eq!(bytes("disk-again", "block"), sha256(&of_disk));
    assert_eq!(bytes("share-again", "files"), sha256(&of_share));

    let question = shop.plugin(&["snapshot", "delete", "--group", &group]).ends_with(2);
    question.says("Delete 2 VolumeSnapshots").says(shop.name());
    shop.plugin(&["snapshot", "delete", "--group", &group, "--yes"]).ok();
    assert!(snapshotted(&shop).is_empty());
    assert_eq!(contents(&shop), 0);
}

#[test]
fn h3_an_apps_volumes_are_those_of_its_workloads_also_when_nothing_runs() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h3");
    for claim in ["data-db-0", "data-db-1", "data-db-x", "uploads", "else"] {
        Claim::block(&shop, claim);
    }
    let template = |volumes: &str| {
        format!(
            r#"{{"metadata":{{"labels":{{"part":"x"}}}},"spec":{{"containers":[{{"name":"c","image":"none"}}],"volumes":[{volumes}]}}}}"#
        )
    };
    shop.kubectl(&["create", "serviceaccount", "shop"]);
    cluster.create(&format!(
        r#"{{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{{"name":"db","namespace":"{}","labels":{{"app.kubernetes.io/instance":"shop"}}}},
        "spec":{{"replicas":0,"serviceName":"db","selector":{{"matchLabels":{{"part":"x"}}}},"template":{},
        "volumeClaimTemplates":[{{"metadata":{{"name":"data"}},"spec":{{"accessModes":["ReadWriteOnce"],"resources":{{"requests":{{"storage":"64Mi"}}}}}}}}]}}}}"#,
        shop.name(),
        template("")
    ));
    cluster.create(&format!(
        r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"web","namespace":"{}","labels":{{"app":"shop"}}}},
        "spec":{{"replicas":0,"selector":{{"matchLabels":{{"part":"x"}}}},"template":{}}}}}"#,
        shop.name(),
        template(r#"{"name":"u","persistentVolumeClaim":{"claimName":"uploads"}}"#)
    ));
    let run = shop.plugin(&["snapshot", "create", "--app", "shop", "--group", "release-7"]).ok();
    run.says("data-db-0 (statefulset/db)").says("uploads (deployment/web)");
    assert_eq!(snapshotted(&shop), ["data-db-0", "data-db-1", "uploads"]);
    assert_eq!(group_of(&shop), "release-7");
    // A group has one snapshot of a PVC: which to restore would be a guess.
    let again = shop.plugin(&["snapshot", "create", "--app", "shop", "--group", "release-7"]).ends_with(1);
    again.says("\"release-7\" has a snapshot of PVC \"data-db-0\" already");
    shop.plugin(&["snapshot", "create", "--app", "shpo"]).ends_with(1).says("Did you mean \"shop\"?");
}

#[test]
fn h3_one_that_cannot_be_taken_keeps_the_others_unless_a_part_will_do() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h3");
    Claim::block(&shop, "disk");
    cluster.create(&Claim::manifest(shop.name(), "waiting", "test-block-wait"));
    for (claims, what) in [(["disk", "nosuch"], "nosuch"), (["disk", "waiting"], "waiting")] {
        let run = shop.plugin(&[&["snapshot", "create"][..], &claims[..]].concat()).ends_with(1);
        run.says(what).says("Nothing was created. --partial takes the other 1.");
    }
    assert!(snapshotted(&shop).is_empty());
    shop.plugin(&["snapshot", "create", "disk", "waiting", "--partial"]).ends_with(10).says("waiting");
    assert_eq!(snapshotted(&shop), ["disk"]);
    // Without data there is nothing to miss.
    let run = shop.plugin(&["snapshot", "create", "--all"]).ok();
    run.says("left out, since they have no volume yet and so no data: waiting");
    assert_eq!(snapshotted(&shop), ["disk", "disk"]);
}

#[test]
fn h3_what_was_made_is_deleted_again_when_the_server_refuses_one() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h3");
    for claim in ["a", "b", "c"] {
        Claim::block(&shop, claim);
    }
    let refusal = Refusal::of_claim(&shop, "b");
    shop.takes_back(&shop.plugin(&["snapshot", "create", "--all"]).ends_with(1).says("refused by the test"), "");
    shop.plugin(&["snapshot", "create", "--all", "--partial"]).ends_with(10).says("refused by the test");
    assert_eq!(snapshotted(&shop), ["a", "c"]);
    drop(refusal);
}

#[test]
fn h3_a_namespaces_quota_is_counted_before_anything_is_made() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h3");
    for claim in ["a", "b", "c"] {
        Claim::block(&shop, claim);
    }
    shop.kubectl(&["create", "quota", "few", "--hard=count/volumesnapshots.snapshot.storage.k8s.io=2"]);
    let hard = r"jsonpath={.status.hard.count/volumesnapshots\.snapshot\.storage\.k8s\.io}=2";
    cluster.wait_for(shop.name(), "resourcequota/few", hard, 120);
    let run = shop.plugin(&["snapshot", "create", "--all"]).ends_with(1).says("room for 2 of the 3");
    let run = run.says("resourcequota \"few\" (used 0 of 2); nothing was created").says("--partial");
    assert!(!run.stderr.contains("exceeded quota"), "{}", run.stderr);
    assert!(snapshotted(&shop).is_empty());
    shop.plugin(&["snapshot", "create", "--all", "--partial"]).ends_with(10).says("no room for them: c");
    assert_eq!(snapshotted(&shop), ["a", "b"]);
    let run = shop.plugin(&["clone", "a", "x", "--to-namespace", "default"]).ends_with(1);
    let run = run.says("no room for a snapshot").says("used 2 of 2");
    assert!(!run.stderr.contains("What was made"), "{}", run.stderr);
}

#[test]
fn h3_many_are_taken_at_the_same_time_where_the_storage_is_slow() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h3");
    let claims = ["a", "b", "c", "d", "e", "f"];
    for claim in claims {
        Claim::block(&shop, claim);
    }
    let name = shop.name();
    let held = Hold::new(&shop, "block");
    cluster.create(&format!(
        r#"{{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshotClass","metadata":{{"name":"{name}"}},
        "driver":"block.csi.test.kubectl-backup.dev","deletionPolicy":"Delete","parameters":{{"fault.test/hold":"{}"}}}}"#,
        held.name()
    ));
    thread::scope(|scope| {
        let run = scope.spawn(|| shop.plugin(&[&["snapshot", "create"], &claims[..], &["--class", name]].concat()));
        // One after another would end with the first.
        until("all are being taken at once", Duration::from_secs(120), || contents(&shop) == claims.len());
        held.release();
        run.join().expect("the plugin ran").ok();
    });
    shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ok();
    cluster.kubectl(&["delete", "volumesnapshotclass", name]);
}

#[test]
fn h3_a_dry_run_shows_class_driver_and_size_of_each() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h3");
    Claim::block(&shop, "disk");
    Claim::files(&shop, "share");
    for how in ["--dry-run=client", "--dry-run=server"] {
        let run = shop.plugin(&["snapshot", "create", "disk", "share", how]).ok();
        for (claim, family) in [("disk", "block"), ("share", "files")] {
            let class = format!("{family}-snapshot");
            let driver = format!("{family}.csi.test.kubectl-backup.dev");
            let shows = |line: &str| [claim, &class, &driver, "64Mi"].iter().all(|part| line.contains(part));
            assert!(run.stderr.lines().any(shows), "{}", run.stderr);
        }
    }
    assert!(snapshotted(&shop).is_empty());
}

#[test]
fn h3_a_driver_that_fails_for_one_is_named_and_the_others_stay() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h3");
    for claim in ["a", "b"] {
        Claim::block(&shop, claim);
    }
    // Each name fails: whoever is asked for by this class.
    let name = shop.name();
    cluster.create(&format!(
        r#"{{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshotClass","metadata":{{"name":"{name}"}},
        "driver":"block.csi.test.kubectl-backup.dev","deletionPolicy":"Delete","parameters":{{"fault.test/fail":"pool is full"}}}}"#
    ));
    let run = shop.plugin(&["snapshot", "create", "a", "b", "--class", name, "--group", "g"]).ends_with(1);
    let told = run.stderr.matches("pool is full").count();
    assert!(told >= 2, "{}", run.stderr);
    assert_eq!(snapshotted(&shop), ["a", "b"]);
    shop.plugin(&["snapshot", "delete", "--group", "g", "--yes", "--no-wait"]).ok();
    cluster.kubectl(&["delete", "volumesnapshotclass", name]);
}
