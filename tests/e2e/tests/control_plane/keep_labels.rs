//! H4, H5, H6: `--keep-labels` gives a new PVC the labels of its source; without it the new one has none, for a Service or a
//! controller would take it for the old one.

use e2e_tests::{Claim, Namespace, TestCluster};
use serde_json::{Value, json};

/// Claims `disk` and `share`, each with labels of its own and with one by which Velero knows what it restored.
fn labelled(shop: &Namespace<'_>) {
    for claim in [Claim::block(shop, "disk"), Claim::files(shop, "share")] {
        let own = format!("app={}", claim.name());
        shop.kubectl(&["label", "pvc", claim.name(), &own, "tier=data", "velero.io/restore-name=earlier"]);
    }
}

/// What is kept of the labels of a claim that `labelled` made.
fn kept(claim: &str) -> Value {
    json!({"app": claim, "tier": "data"})
}

fn labels(namespace: &Namespace<'_>, claim: &str) -> Value {
    namespace.try_kubectl(&["get", "pvc", claim, "-o", "json"]).ok().json()["metadata"]["labels"].clone()
}

#[test]
fn h4_a_restore_beside_its_source_keeps_labels_only_when_asked() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("labels");
    labelled(&shop);
    shop.plugin(&["snapshot", "create", "disk", "--name", "snap"]).ok();
    shop.plugin(&["snapshot", "restore", "snap", "--to", "plain"]).ok();
    let run = shop.plugin(&["snapshot", "restore", "snap", "--to", "alike", "--keep-labels"]).ok();
    assert!(!run.stderr.contains("labels are not known"), "{}", run.stderr);
    assert_eq!([labels(&shop, "plain"), labels(&shop, "alike")], [Value::Null, kept("disk")]);
    // Only the PVC has them.
    shop.kubectl(&["delete", "pvc", "disk", "--wait=true"]);
    let run = shop.plugin(&["snapshot", "restore", "snap", "--to", "late", "--keep-labels"]).ok();
    run.says("Warning: the PVC of snapshot snap is gone or may not be read: its labels are not known\n");
    assert_eq!(labels(&shop, "late"), Value::Null);
}

#[test]
fn h6_each_pvc_of_a_group_keeps_the_labels_of_its_own_source() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("labels"), cluster.namespace("labels"));
    labelled(&shop);
    shop.plugin(&["snapshot", "create", "disk", "share", "--group", "eve"]).ok();
    let restore = |flags: &[&str]| {
        shop.plugin(&[&["snapshot", "restore", "--group", "eve"][..], flags].concat()).ok();
    };
    let of = |namespace: &Namespace<'_>, suffix: &str| {
        ["disk", "share"].map(|claim| labels(namespace, &format!("{claim}{suffix}")))
    };
    restore(&["--name-suffix=-plain"]);
    restore(&["--name-suffix=-alike", "--keep-labels"]);
    restore(&["--name-suffix=-plain", "--to-namespace", depot.name()]);
    restore(&["--name-suffix=-alike", "--to-namespace", depot.name(), "--keep-labels"]);
    for namespace in [&shop, &depot] {
        assert_eq!(of(namespace, "-plain"), [Value::Null, Value::Null]);
        assert_eq!(of(namespace, "-alike"), ["disk", "share"].map(kept));
    }
}

#[test]
fn h5_a_clone_keeps_labels_only_when_asked() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("labels"), cluster.namespace("labels"));
    labelled(&shop);
    for (namespace, elsewhere) in [(&shop, &[][..]), (&depot, &["--to-namespace", depot.name()])] {
        shop.plugin(&[&["clone", "share", "plain"], elsewhere].concat()).ok();
        shop.plugin(&[&["clone", "share", "alike", "--keep-labels"], elsewhere].concat()).ok();
        assert_eq!([labels(namespace, "plain"), labels(namespace, "alike")], [Value::Null, kept("share")]);
    }
}
