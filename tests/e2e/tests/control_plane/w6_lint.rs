//! `lint` with what is really there: a kustomization, the facts of a cluster, and objects that no webhook saw.

use std::{fs, path::Path, process::Command};

use e2e_tests::{Run, TestCluster, until_granted};
use serde_json::{Value, json};

/// With an annotation that names a volume which the pods do not have.
fn deployment(name: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}, "annotations": {"backup.velero.io/backup-volumes": "nosuch"}},
            "spec": {
                "containers": [{"name": "web", "image": "none", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
                "volumes": [{"name": "data", "emptyDir": {}}],
            },
        }},
    })
}

/// The findings of a run with `-o json`: code and object.
fn findings(run: &Run) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = run.json()["findings"].as_array().unwrap().clone();
    found.iter().map(|found| (text(&found["code"]), text(&found["object"]["name"]))).collect()
}

#[test]
fn w6_a_kustomization_is_built_and_judged() {
    let cluster = TestCluster::control_plane();
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("overlay/base");
    fs::create_dir_all(&base).unwrap();
    fs::write(base.join("web.json"), deployment("web", "shop").to_string()).unwrap();
    fs::write(base.join("kustomization.yaml"), "resources: [web.json]\n").unwrap();
    fs::write(folder.path().join("overlay/kustomization.yaml"), "resources: [base]\nnamePrefix: blue-\n").unwrap();
    let lint = |args: &[&str]| {
        let mut command = Command::new(cluster.plugin_path());
        // As kubectl starts its plugins.
        command.env_clear().env("KUBECTL_PATH", cluster.cluster().bin("kubectl").unwrap());
        command.env("HOME", folder.path()).current_dir(folder.path()).arg("lint").args(args);
        Run::of(command, None)
    };
    let run = lint(&["-k", "overlay"]).ends_with(3);
    assert!(run.stdout.contains("error[BKP104]") && run.stdout.contains("Deployment shop/blue-web"), "{}", run.stdout);
    let run = lint(&["-k", "overlay", "-o", "sarif"]).ends_with(3);
    assert_eq!(run.json()["runs"][0]["results"][0]["ruleId"], "BKP104");
    // Its own words, when it finds nothing.
    fs::create_dir(folder.path().join("empty")).unwrap();
    lint(&["-k", "empty"]).ends_with(1).says("kubectl kustomize empty failed: ").says("kustomization.yaml");
}

#[test]
fn w6_live_knows_what_offline_is_not_evaluated() {
    let cluster = TestCluster::control_plane();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("velero.json");
    let object = |kind: &str, spec: Value| json!({"apiVersion": "velero.io/v1", "kind": kind, "metadata": {"name": "w6", "namespace": "velero"}, "spec": spec});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        object("Backup", json!({"storageLocation": "nosuch"})), object("Restore", json!({"backupName": "nosuch"})),
    ]});
    fs::write(&file, list.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let offline = cluster.plugin_with(Path::new("/nonexistent"), &["lint", "-f", file, "-o", "json"]).ends_with(0);
    assert_eq!(findings(&offline), []);
    let skipped = offline.json()["notEvaluated"].to_string();
    assert!(skipped.contains("BKP314") && skipped.contains("BKP331"), "{skipped}");
    let live = findings(&cluster.plugin(&["lint", "--live", "-f", file, "-o", "json"]).ends_with(3));
    for code in ["BKP314", "BKP331"] {
        assert!(live.contains(&(code.to_owned(), "w6".to_owned())), "{code} is missing: {live:?}");
    }
}

#[test]
fn w6_what_was_applied_while_no_webhook_ran_is_found() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("lint");
    cluster.create(&deployment("web", shop.name()).to_string());
    cluster.create(
        &json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "disk", "namespace": shop.name(), "annotations": {"backup.velero.io/backup-volumes": "data"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "test-block-wait",
                "resources": {"requests": {"storage": "1Mi"}}},
        })
        .to_string(),
    );
    let name = shop.name();
    let request = |done: &str| {
        let name = format!("{name}-{done}").to_lowercase();
        let object = json!({
            "apiVersion": "velero.io/v1", "kind": "DeleteBackupRequest", "metadata": {"name": name, "namespace": shop.name()},
            "spec": {"backupName": "nosuch"}, "status": {"phase": done},
        });
        cluster.create(&object.to_string());
        name
    };
    let (open, done) = (request("New"), request("Processed"));
    let all = findings(&cluster.plugin(&["lint", "-A", "-o", "json"]));
    let one = findings(&shop.plugin(&["lint", "-o", "json"]));
    let owned = |code: &str, name: &str| (code.to_owned(), name.to_owned());
    for expected in [owned("BKP104", "web"), owned("BKP107", "disk"), owned("BKP340", &open)] {
        assert!(all.contains(&expected), "-A: {expected:?} is missing: {all:?}");
        assert!(one.contains(&expected), "-n: {expected:?} is missing: {one:?}");
    }
    assert!(!all.iter().any(|(_, name)| *name == done), "what was processed is history: {all:?}");
}

#[test]
fn w6_who_may_list_nothing_is_told_so() {
    let cluster = TestCluster::control_plane();
    let run = cluster.plugin_as("alice", &["lint", "-A"]).ends_with(1);
    run.says("none of the kinds that the rules know may be listed in all namespaces").says("choose it with -n");
    let shop = cluster.namespace("lint");
    shop.kubectl(&["create", "role", "reads-pods", "--verb=list", "--resource=pods"]);
    shop.kubectl(&["create", "rolebinding", "alice", "--role=reads-pods", "--user=alice"]);
    until_granted(&cluster, "alice", shop.name(), "role/reads-pods");
    let run = cluster.plugin_as("alice", &["lint", "-n", shop.name()]).ends_with(0);
    run.says("not looked at, because you may not list them: replicationcontrollers, persistentvolumeclaims,");
}
