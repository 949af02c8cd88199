//! C1: backups of namespaces, with labels; the exit code says how they ended.

use e2e_tests::TestCluster;

#[test]
fn c1_backup_of_a_namespace_is_complete_when_the_command_returns() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c1");
    shop.kubectl(&["create", "configmap", "settings", "--from-literal=color=blue"]);
    let name = shop.name();
    let run = cluster.plugin(&["create", name, "--namespaces", name, "--labels", "team=shop"]).ok();
    assert_eq!(run.stdout, format!("backup.velero.io/{name} created\n"));
    let backup = cluster.kubectl(&["get", "backups.velero.io", "-n", "velero", name, "-o", "json"]);
    let backup: serde_json::Value = serde_json::from_str(&backup).unwrap();
    assert_eq!(backup["status"]["phase"], "Completed");
    assert_eq!(backup["spec"]["includedNamespaces"], serde_json::json!([name]));
    assert_eq!(backup["metadata"]["labels"]["team"], "shop");
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn c1_dry_runs_keep_nothing() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c1");
    let name = shop.name();
    let run = cluster.plugin(&["create", name, "--namespaces", name, "--dry-run=client", "-o", "json"]).ok();
    assert_eq!(run.json()["spec"]["includedNamespaces"], serde_json::json!([name]));
    cluster.plugin(&["create", name, "--namespaces", name, "--dry-run=server"]).ok();
    let kept = cluster.try_kubectl(&["get", "backups.velero.io", "-n", "velero", name]);
    kept.ends_with(1);
}

#[test]
fn c1_a_name_that_is_taken_is_refused() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c1");
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name]).ok();
    cluster.plugin(&["create", name, "--namespaces", name]).ends_with(1).says("exists");
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn c1_patterns_become_names_before_velero_sees_them() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c1");
    let name = shop.name();
    let pattern = format!("{name}*");
    let run = cluster.plugin(&["create", name, "--namespaces", &pattern, "--dry-run=client", "-o", "json"]).ok();
    assert_eq!(run.json()["spec"]["includedNamespaces"], serde_json::json!([name]));
    cluster.plugin(&["create", name, "--namespaces", "wild*"]).ends_with(1).says("no namespace matches \"wild*\"");
}

#[test]
fn c1_the_whole_cluster_may_leave_out_what_does_not_exist() {
    let cluster = TestCluster::control_plane();
    let wanted = ["create", "-A", "--exclude-namespaces", "no-such-dev,x-*", "--dry-run=client", "-o", "json"];
    let run = cluster.plugin(&wanted).ok().says("there is no namespace \"no-such-dev\" to leave out");
    assert_eq!(run.json()["spec"]["includedNamespaces"], serde_json::json!(["*"]));
    assert_eq!(run.json()["spec"]["excludedNamespaces"], serde_json::json!(["no-such-dev", "x-*"]));
}

#[test]
fn c1_a_selector_that_fits_nothing_is_said_before_and_after() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c1");
    let name = shop.name();
    shop.kubectl(&["create", "configmap", "settings"]);
    shop.kubectl(&["label", "configmap", "settings", "app=web"]);
    let run = shop.plugin(&["create", name, "-l", "app=webb"]).ok();
    run.says("fits the selector app=webb").says("completed, but nothing was saved");
    cluster.plugin(&["delete", name, "--yes"]).ok();
    let run = shop.plugin(&["create", name, "-l", "app=web"]).ok();
    assert!(!run.stderr.contains("fits the selector") && !run.stderr.contains("nothing was saved"), "{}", run.stderr);
    cluster.plugin(&["delete", name, "--yes"]).ok();
}
