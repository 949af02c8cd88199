//! Least privilege where pods run: hooks and rollbacks by somebody who has our roles and nothing else.

use e2e_tests::{App, Namespace, Person, TestCluster, until};
use serde_json::json;
use std::time::Duration;

#[test]
fn h3_hooks_need_a_role_of_their_own() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("rights");
    let app = App::start(&shop, &[("data", "test-block-std")], None);
    let person = Person::new(&shop);
    let _classes = person.may_in_cluster("classes");
    let hooks = ["--pause-hook", "app: touch /tmp/paused", "--resume-hook", "app: touch /tmp/resumed"];
    let create = || person.runs(&[&["snapshot", "create", "data", "--name", "snap"][..], &hooks].concat());
    person.may("snapshot-create");
    create().ends_with(1).says("pods/exec");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    person.may("snapshot-pause");
    create().ok().says("resumed: ");
    app.exec("ls /tmp/paused /tmp/resumed");
    person.may("snapshot-delete");
    person.runs(&["snapshot", "delete", "snap", "--yes"]).ok();
}

fn roll_back_and_undo(shop: &Namespace<'_>, workload: &str, claim: &str) {
    let exec = |command: &str| shop.kubectl(&["exec", workload, "--", "sh", "-c", command]);
    let read = || exec(&format!("cat /{claim}/ledger"));
    exec(&format!("echo good > /{claim}/ledger; sync"));
    shop.plugin(&["snapshot", "create", claim, "--name", "snap"]).ok();
    exec(&format!("echo bad > /{claim}/ledger; sync"));
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "scaler", "namespace": shop.name()},
        "spec": {"minReplicas": 1, "maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1",
            "kind": if workload.starts_with("deployment") { "Deployment" } else { "StatefulSet" },
            "name": workload.split('/').next_back()}}});
    shop.cluster().create(&scaler.to_string());
    let person = Person::new(shop);
    let _rights = [person.may_in_cluster("classes"), person.may_in_cluster("volumes")];
    person.may("snapshot-rollback");
    let runs = |flags: &[&str]| person.runs(&[&["snapshot", "rollback", "snap", "--yes"], flags].concat());
    runs(&[]).ok().says("is scaled by hpa/scaler");
    assert_eq!(read(), "good\n");
    runs(&["--undo"]).ok();
    assert_eq!(read(), "bad\n");
    until("its pods are back", Duration::from_secs(60), || {
        shop.kubectl(&["get", workload, "-o", "jsonpath={.status.readyReplicas}"]) == "1"
    });
}

#[test]
fn h9_under_a_deployment_the_roles_for_a_rollback_suffice() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("rights");
    let _app = App::start(&shop, &[("data", "test-block-std")], None);
    roll_back_and_undo(&shop, "deployment/app", "data");
}

#[test]
fn h9_under_a_stateful_set_the_roles_for_a_rollback_suffice() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("rights");
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": shop.name()},
        "spec": {
            "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "db", "image": test_cluster::BUSYBOX, "command": ["sleep", "86400"],
                    "volumeMounts": [{"name": "data", "mountPath": "/data-db-0"}]}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                "storageClassName": "test-files-std", "resources": {"requests": {"storage": "64Mi"}}}}],
        },
    });
    cluster.create(&set.to_string());
    shop.kubectl(&["rollout", "status", "statefulset/db", "--timeout=120s"]);
    roll_back_and_undo(&shop, "statefulset/db", "data-db-0");
}
