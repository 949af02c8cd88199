//! What the server did while its answer got lost is known all the same, and taken back where the rest is.

use e2e_tests::{Claim, Loss, Namespace, Relay, TestCluster};

fn snapshots(namespace: &Namespace<'_>) -> String {
    namespace.kubectl(&["get", "volumesnapshots", "-o", "name"])
}

#[test]
fn h1_a_snapshot_whose_creation_got_no_answer_is_found() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("lost");
    Claim::block(&shop, "data");
    let relay = Relay::start(&cluster, "POST /apis/snapshot.storage.k8s.io/", 1, Loss::Broken);
    let args = ["snapshot", "create", "data", "--name", "snap", "-n", shop.name()];
    let run = cluster.plugin_with(&relay.kubeconfig(), &args).ok();
    assert!(relay.answers() > 0 && run.stdout.contains("snap created"), "{}", run.stdout);
}

#[test]
fn h4_h6_what_was_made_without_an_answer_is_used_or_removed() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("lost"), cluster.namespace("lost"));
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let restore = |relay: &Relay, flags: &[&str]| {
        let args = ["snapshot", "restore", "snap", "--to", "again", "-n", shop.name()];
        cluster.plugin_with(&relay.kubeconfig(), &[&args[..], flags].concat())
    };
    let claims = format!("POST /api/v1/namespaces/{}/persistentvolumeclaims", shop.name());
    let relay = Relay::start(&cluster, &claims, 1, Loss::Broken);
    restore(&relay, &[]).ok();
    assert!(relay.answers() > 0);
    // One answer after another: of the content and of the snapshot.
    let relay = Relay::start(&cluster, "POST /apis/snapshot.storage.k8s.io/", 2, Loss::Broken);
    restore(&relay, &["--to-namespace", depot.name()]).ok();
    assert!(relay.answers() >= 2);
    assert_eq!(snapshots(&depot), "");
    // No answer in its time.
    depot.kubectl(&["delete", "pvc", "again"]);
    let claims = format!("POST /api/v1/namespaces/{}/persistentvolumeclaims", depot.name());
    let relay = Relay::start(&cluster, &claims, 1, Loss::Held);
    let flags = ["--to-namespace", depot.name(), "--request-timeout", "25s"];
    restore(&relay, &flags).ok();
    assert!(relay.answers() > 0);
    assert_eq!(snapshots(&depot), "");
}

#[test]
fn h3_an_interruption_before_all_are_made_leaves_none() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("lost");
    for claim in ["a", "b", "c"] {
        Claim::block(&shop, claim);
    }
    let relay = Relay::start(&cluster, "POST /apis/snapshot.storage.k8s.io/", 1, Loss::Held);
    let args = ["snapshot", "create", "--all", "--group", "g", "-n", shop.name()];
    let run = cluster.plugin_signalled_when(&relay.kubeconfig(), "INT", &args, || relay.wait_for_answers(1));
    let run = run.ends_with(130).says("before all volumes were cut");
    let told = ["deleted again: ", "still being deleted: "];
    assert!(told.iter().any(|text| run.stderr.contains(text)), "{}", run.stderr);
    // What is there to this moment is on its way.
    let path = r#"jsonpath={range .items[*]}{.metadata.name}={.metadata.deletionTimestamp}{"\n"}{end}"#;
    let left = shop.kubectl(&["get", "volumesnapshots", "-o", path]);
    assert!(left.lines().all(|line| !line.ends_with('=')), "{left}");
}
