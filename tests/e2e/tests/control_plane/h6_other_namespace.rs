//! H6: restores and clones into other namespaces share the storage's snapshot for a while, and never its fate.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use e2e_tests::{Claim, Namespace, Person, Relay, Run, TestCluster, noise, sha256, until, until_granted};
use serde_json::json;

/// What is there only for as long as a PVC is filled, of both namespaces.
fn temporary(cluster: &TestCluster, namespaces: &[&Namespace<'_>]) -> String {
    let label = "kubectl-backup.dev/temporary=true";
    let mut found = String::new();
    for namespace in namespaces {
        found.push_str(&namespace.kubectl(&["get", "volumesnapshots", "-l", label, "-o", "name"]));
    }
    let jsonpath = r#"jsonpath={range .items[*]}{.spec.volumeSnapshotRef.namespace}{"\n"}{end}"#;
    let contents = cluster.kubectl(&["get", "volumesnapshotcontents", "-l", label, "-o", jsonpath]);
    let ours = contents.lines().filter(|line| namespaces.iter().any(|namespace| namespace.name() == *line));
    ours.for_each(|line| found.push_str(line));
    found
}

fn either_side_lives_without_the_other(family: &'static str) {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    let source = if family == "block" { Claim::block(&shop, "data") } else { Claim::files(&shop, "data") };
    let bytes = noise(8, 3 << 20);
    source.write("ledger", &bytes);
    shop.kubectl(&["label", "pvc", "data", "app=web"]);
    shop.plugin(&["snapshot", "create", "data", "--name", "before"]).ok();
    source.write("ledger", b"overwritten");

    let into = ["snapshot", "restore", "before", "--to-namespace", depot.name()];
    shop.plugin(&[&into[..], &["--to", "first"]].concat()).ok();
    shop.plugin(&[&into[..], &["--to", "second", "--keep-labels"]].concat()).ok();
    let read = |name: &str| sha256(&Claim::existing(&depot, name, family).read("ledger"));
    assert_eq!(read("first"), sha256(&bytes));
    assert_eq!(depot.kubectl(&["get", "pvc", "-l", "app=web", "-o", "name"]).trim(), "persistentvolumeclaim/second");
    assert_eq!(temporary(&cluster, &[&shop, &depot]), "");

    // The copy goes: the snapshot still restores.
    depot.kubectl(&["delete", "pvc", "first", "--wait=true"]);
    shop.plugin(&[&into[..], &["--to", "third"]].concat()).ok();
    // The snapshot and its PVC go: the copies stay.
    shop.plugin(&["snapshot", "delete", "before", "--yes"]).ok();
    shop.kubectl(&["delete", "pvc", "data", "--wait=true"]);
    assert_eq!([read("second"), read("third")], [sha256(&bytes), sha256(&bytes)]);
}

#[test]
fn h6_deleting_either_side_leaves_the_other_of_block_storage() {
    either_side_lives_without_the_other("block");
}

#[test]
fn h6_deleting_either_side_leaves_the_other_of_file_storage() {
    either_side_lives_without_the_other("files");
}

#[test]
fn h6_a_clone_into_another_namespace_leaves_nothing_but_itself() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    for (source, family) in [(Claim::block(&shop, "disk"), "block"), (Claim::files(&shop, "share"), "files")] {
        let bytes = noise(9, 2 << 20);
        source.write("ledger", &bytes);
        shop.plugin(&["clone", source.name(), source.name(), "--to-namespace", depot.name()]).ok();
        source.write("ledger", b"overwritten");
        let copy = Claim::existing(&depot, source.name(), family);
        assert_eq!(sha256(&copy.read("ledger")), sha256(&bytes));
    }
    assert_eq!(temporary(&cluster, &[&shop, &depot]), "");
    shop.plugin(&["clone", "disk", "other", "--to-namespace", depot.name(), "--dry-run=server"]).ok();
    assert!(!depot.kubectl(&["get", "pvc", "-o", "name"]).contains("other"));
    assert_eq!(temporary(&cluster, &[&shop, &depot]), "");
}

#[test]
fn h6_what_a_class_that_waits_for_pods_needs_stays_and_is_named() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    Claim::block(&shop, "data").write("ledger", b"kept");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let into = ["snapshot", "restore", "snap", "--to-namespace", depot.name(), "--to"];
    let run = shop.plugin(&[&into[..], &["later", "--storage-class", "test-block-wait"]].concat()).ok();
    let run = run.says("is not waited for").says("until it is filled");
    let pair = depot.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[0].metadata.name}"]);
    let run = run.says(&format!("kubectl backup snapshot delete {pair} -n {}", depot.name()));
    drop(run);
    let text = shop.plugin(&["snapshot", "describe", "snap"]).ok().stdout;
    assert!(text.contains(&format!("later in namespace {} (under way)", depot.name())), "{text}");
    // The storage's snapshot would go while a PVC waits for it.
    shop.plugin(&["snapshot", "delete", "snap", "--yes"]).ends_with(1).says("is being restored into another namespace");
    depot.plugin(&["snapshot", "delete", &pair, "--yes"]).ends_with(1).says("later");
    depot.kubectl(&["delete", "pvc", "later", "--wait=true"]);
    depot.plugin(&["snapshot", "delete", &pair, "--yes"]).ok();
    assert_eq!(temporary(&cluster, &[&shop, &depot]), "");
    shop.plugin(&[&into[..], &["now"]].concat()).ok();
    let text = shop.plugin(&["snapshot", "describe", "snap"]).ok().stdout;
    assert!(text.contains(&format!("now in namespace {} (Bound)", depot.name())), "{text}");
    assert!(!text.contains("under way") && !text.contains("later"), "{text}");
    assert_eq!(Claim::existing(&depot, "now", "block").read("ledger"), b"kept");
    shop.plugin(&["snapshot", "delete", "snap", "--yes"]).ok();
}

#[test]
fn h6_h7_describe_lists_copies_in_other_namespaces_for_as_long_as_they_are_its_own() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    shop.plugin(&["snapshot", "restore", "snap", "--to", "here"]).ok();
    shop.plugin(&["snapshot", "restore", "snap", "--to", "copy", "--to-namespace", depot.name()]).ok();
    shop.plugin(&["clone", "data", "cloned", "--to-namespace", depot.name()]).ok();
    let note = |namespace: &Namespace<'_>, claim: &str| {
        let path = r"jsonpath={.metadata.annotations.kubectl-backup\.dev/filled-from}";
        namespace.kubectl(&["get", "pvc", claim, "-o", path])
    };
    let uid = |object: &str| shop.kubectl(&["get", object, "-o", "jsonpath={.metadata.uid}"]);
    let noted = |kind: &str, name: &str, object: &str| format!("{kind}/{}/{name}/{}", shop.name(), uid(object));
    assert_eq!(note(&depot, "copy"), noted("VolumeSnapshot", "snap", "volumesnapshot/snap"));
    assert_eq!(note(&depot, "cloned"), noted("PersistentVolumeClaim", "data", "pvc/data"));
    assert_eq!(note(&shop, "here"), "", "it names the snapshot itself");

    let copy = format!("copy in namespace {} (Bound)", depot.name());
    let describe = || shop.plugin(&["snapshot", "describe", "snap"]).ok().stdout;
    let text = describe();
    assert!(text.contains("here (Bound)") && text.contains(&copy), "{text}");
    assert!(!text.contains("cloned") && !text.contains("not looked at"), "{text}");
    let json = shop.plugin(&["snapshot", "describe", "snap", "-o", "json"]).ok().json();
    let found = |namespace: &str, name: &str| json!({"namespace": namespace, "name": name, "phase": "Bound", "underWay": false});
    assert_eq!(json["dependants"], json!([found(shop.name(), "here"), found(depot.name(), "copy")]));
    assert_eq!(json["dependantsScope"], "Cluster");
    let command = format!("kubectl backup snapshot restore snap --to NEW-PVC -n {}", shop.name());
    assert_eq!(json["restoreCommand"], command.as_str());

    // Whoever sees one namespace is told of that one, and that it is not all.
    let person = Person::new(&shop);
    person.may("snapshot-view");
    let text = person.asks(&["snapshot", "describe", "snap"]).ok().stdout;
    assert!(text.contains("here (Bound)") && text.contains("other namespaces were not looked at"), "{text}");
    assert!(!text.contains(&copy), "{text}");
    let json = person.asks(&["snapshot", "describe", "snap", "-o", "json"]).ok().json();
    assert_eq!(
        [&json["dependants"], &json["dependantsScope"]],
        [&json!([found(shop.name(), "here")]), &json!("Namespace")]
    );

    // A snapshot of the same name that is made later has filled neither.
    shop.plugin(&["snapshot", "delete", "snap", "--yes"]).ok();
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let text = describe();
    assert!(text.contains("Restored into:    <none>"), "{text}");
    // It is only a note: whoever has the copy may remove it.
    shop.plugin(&["snapshot", "restore", "snap", "--to", "again", "--to-namespace", depot.name()]).ok();
    assert!(describe().contains("again in namespace"));
    depot.kubectl(&["annotate", "pvc", "again", "kubectl-backup.dev/filled-from-"]);
    assert!(!describe().contains("again in namespace"));
}

#[test]
fn h6_what_cannot_be_restored_elsewhere_is_refused_before_anything_is_made() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let restore = |to: &str, namespace: &str, flags: &[&str]| {
        shop.plugin(&[&["snapshot", "restore", "snap", "--to", to, "--to-namespace", namespace][..], flags].concat())
    };
    restore("x", "h6-nosuch", &[]).ends_with(1).says("namespace \"h6-nosuch\" does not exist").says("Nothing was made");
    restore("x", depot.name(), &["--storage-class", "test-files-std"]).ends_with(1).says("restored by its own driver");
    Claim::files(&depot, "taken");
    restore("taken", depot.name(), &[]).ends_with(1).says("exists already");
    shop.plugin(&["clone", "data", "taken", "--to-namespace", depot.name()]).ends_with(1).says("exists already");
    depot.kubectl(&["create", "quota", "team", "--hard=requests.storage=100Mi"]);
    let used = "jsonpath={.status.used.requests\\.storage}=64Mi";
    cluster.wait_for(depot.name(), "resourcequota/team", used, 30);
    let full = restore("x", depot.name(), &[]).ends_with(1);
    full.says("has no room").says("requests.storage in resourcequota \"team\" (used 64Mi of 100Mi)");
    shop.plugin(&["clone", "data", "x", "--to-namespace", depot.name()]).ends_with(1).says("has no room");
    assert_eq!(depot.kubectl(&["get", "pvc", "-o", "name"]).trim(), "persistentvolumeclaim/taken");
    assert_eq!(temporary(&cluster, &[&shop, &depot]), "");
    // Contents are the cluster's: rights in both namespaces do not suffice.
    for namespace in [&shop, &depot] {
        namespace.kubectl(&["create", "rolebinding", "alice", "--clusterrole=admin", "--user=alice"]);
        let rule = ["--verb=*", "--resource=volumesnapshots.snapshot.storage.k8s.io"];
        namespace.kubectl(&[&["create", "role", "snapshots"][..], &rule].concat());
        namespace.kubectl(&["create", "rolebinding", "snapshots", "--role=snapshots", "--user=alice"]);
        for role in ["clusterrole/admin", "role/snapshots"] {
            until_granted(&cluster, "alice", namespace.name(), role);
        }
    }
    let clone = ["clone", "data", "x", "--to-namespace", depot.name(), "-n", shop.name()];
    let run = cluster.plugin_as("alice", &clone).ends_with(1);
    let run = run.says("create volumesnapshotcontents.snapshot.storage.k8s.io (cluster)");
    run.says("Ask a cluster administrator");
    assert_eq!(temporary(&cluster, &[&shop, &depot]), "");
}

#[test]
fn h6_h7_what_a_restore_that_is_over_has_left_does_not_keep_its_snapshot() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let into = ["snapshot", "restore", "snap", "--to-namespace", depot.name(), "--to", "again", "--no-wait"];
    shop.plugin(&into).ok().says("until it is filled");
    cluster.wait_for(depot.name(), "pvc/again", "jsonpath={.status.phase}=Bound", 60);
    shop.plugin(&["snapshot", "delete", "snap", "--yes"]).ok();
    let pair = depot.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[0].metadata.name}"]);
    depot.plugin(&["snapshot", "delete", &pair, "--yes"]).ok();
}

#[test]
fn h6_what_holds_a_slot_after_the_pvc_has_its_data_is_an_error() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    Claim::block(&shop, "data").write("ledger", b"kept");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let mut pair = String::new();
    let finalizers = |wanted: &str, pair: &str| {
        let patch = format!(r#"{{"metadata":{{"finalizers":{wanted}}}}}"#);
        depot.kubectl(&["patch", "volumesnapshot", pair, "--type=merge", "-p", &patch]);
    };
    let into = ["snapshot", "restore", "snap", "--to-namespace", depot.name(), "--to", "again", "-n", shop.name()];
    let run = cluster.plugin_held_at("volumesnapshot.snapshot.storage.k8s.io/", &into, || {
        pair = depot.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[0].metadata.name}"]);
        finalizers(r#"["kubectl-backup.dev/of-the-test"]"#, &pair);
    });
    finalizers("null", &pair);
    let run = run.ends_with(1).says("error: the PVC has its data").says("could not be removed");
    run.says(&format!("remove it with: kubectl backup snapshot delete {pair} -n {}", depot.name()));
    assert_eq!(Claim::existing(&depot, "again", "block").read("ledger"), b"kept");
    // It was asked to go, and its content is removed by hand as is told.
    depot.kubectl(&["wait", "volumesnapshot", &pair, "--for=delete", "--timeout=30s"]);
    let label = "kubectl-backup.dev/temporary=true";
    let path = r#"jsonpath={range .items[*]}{.spec.volumeSnapshotRef.namespace} {.metadata.name}{"\n"}{end}"#;
    let contents = cluster.kubectl(&["get", "volumesnapshotcontents", "-l", label, "-o", path]);
    let ours = contents.lines().filter_map(|line| line.strip_prefix(depot.name())?.strip_prefix(' '));
    ours.for_each(|content| drop(cluster.kubectl(&["delete", "volumesnapshotcontent", content])));
}

/// The plugin, interrupted while a request whose first line has the text is on its way.
fn interrupted(cluster: &TestCluster, text: &str, args: &[&str]) -> Run {
    let (is_reached, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let wait = |what: &str, of: &AtomicBool| until(what, Duration::from_secs(60), || of.load(Ordering::SeqCst));
    let first = || {
        is_reached.store(true, Ordering::SeqCst);
        wait("the plugin has ended", &is_over);
    };
    let run = |kubeconfig: &Path| {
        let ready = || wait("the request is made", &is_reached);
        let run = cluster.plugin_signalled_when(kubeconfig, "INT", args, ready);
        is_over.store(true, Ordering::SeqCst);
        run
    };
    Relay::first(cluster, text, first, run)
}

#[test]
fn h6_whoever_interrupts_a_clone_or_the_removal_of_what_it_left_is_told_what_stays() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    Claim::block(&shop, "data");
    let snapshots =
        |of: &Namespace<'_>| format!("/apis/snapshot.storage.k8s.io/v1/namespaces/{}/volumesnapshots", of.name());
    // While the snapshot is waited for, while its content is read, and while the pair's is waited for.
    let watch = |of: &Namespace<'_>| format!("GET {}?&fieldSelector=", snapshots(of));
    let content = "GET /apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents/".to_owned();
    for request in [watch(&shop), content, watch(&depot)] {
        let args = ["clone", "data", "copy", "--to-namespace", depot.name(), "-n", shop.name()];
        let run = interrupted(&cluster, &request, &args).ends_with(130);
        let names = shop.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[*].metadata.name}"]);
        let run = run.says(&format!("kubectl backup snapshot delete {names} -n {}", shop.name()));
        assert!(run.stderr.contains("goes on without us"), "{}", run.stderr);
        if request != watch(&depot) {
            shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ok();
        }
    }
    let path = "jsonpath={.items[0].metadata.name}|{.items[0].spec.source.volumeSnapshotContentName}";
    let names = depot.kubectl(&["get", "volumesnapshots", "-o", path]);
    let (pair, content) = names.split_once('|').expect("two names");
    let delete = ["snapshot", "delete", pair, "--yes", "-n", depot.name()];
    // The snapshot is gone, and its content is not by now.
    let run = interrupted(&cluster, &watch(&depot), &delete).ends_with(130);
    run.says(&format!("kubectl delete volumesnapshotcontent {content}"));
    cluster.kubectl(&["delete", "volumesnapshotcontent", content]);
    shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ok();
}
