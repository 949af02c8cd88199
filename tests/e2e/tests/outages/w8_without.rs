//! W8: what works without any replica, and what does not, with a message that helps.

use e2e_tests::{App, Traffic, until};
use serde_json::json;

use crate::system::{NAMESPACE, System, TWO_MINUTES};

#[test]
fn w8_without_replicas_pods_start_velero_works_and_limits_hold() {
    let system = System::take();
    let cluster = &system.cluster;
    let shop = cluster.namespace("w8");
    let app = App::start(&shop, &[("disk", "test-block-std")], Some("disk-volume"));
    let saved = app.checksum("disk");
    system.kubectl(&["scale", "deployment/backup-webhook", "--replicas=0"]);
    until("no replica is left", TWO_MINUTES, || {
        system.kubectl(&["get", "pods", "-l", "app.kubernetes.io/name=backup-webhook", "-o", "name"]).is_empty()
    });

    let pod = |name: &str, annotations: serde_json::Value| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": shop.name(), "annotations": annotations},
            "spec": {"containers": [{"name": "c", "image": test_cluster::BUSYBOX, "command": ["sleep", "3600"]}],
                "volumes": [{"name": "data", "emptyDir": {}}]}})
        .to_string()
    };
    cluster.create(&pod("plain", json!({})));
    cluster.wait_for(shop.name(), "pod/plain", "condition=Ready", 120);
    let refused =
        cluster.try_create(&pod("annotated", json!({"backup.velero.io/backup-volumes": "data"}))).ends_with(1);
    refused
        .says("failed calling webhook \"volumes.kubectl-backup.dev\"")
        .says("backup-webhook.kubectl-backup-system.svc");
    // Others annotate it as before: a network plugin does while it starts a pod.
    shop.kubectl(&["annotate", "pod", "-l", "app=app", "example.org/x=y"]);
    // What exists heals: a controller's copies are not asked about.
    let pods = || {
        let each = r#"{range .items[*]}{.metadata.uid} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
        shop.kubectl(&["get", "pods", "-l", "app=app", "-o", &format!("jsonpath={each}")])
    };
    let before = pods();
    let [old] = before.lines().filter_map(|pod| pod.split(' ').next()).collect::<Vec<_>>()[..] else {
        panic!("{before}")
    };
    shop.kubectl(&["delete", "pod", "-l", "app=app", "--wait=true"]);
    // The Deployment may still tell of the old one.
    until("another pod is ready", TWO_MINUTES, || {
        pods().lines().any(|pod| pod.ends_with(" True") && !pod.starts_with(old))
    });
    assert_eq!(app.checksum("disk"), saved);

    for asked in [&["quota"][..], &["policy", "show"]] {
        cluster.plugin(asked).ok().says("no replica of the webhook is ready (0 of 0)").says(&format!("-n {NAMESPACE}"));
    }

    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "annotated"]).ok();
    // And back: Velero's own pods, annotated as they were, and what they had in their volumes.
    let copy = cluster.namespace("w8-copy");
    copy.kubectl(&["delete", "namespace", copy.name()]);
    let mapping = format!("{name}:{}", copy.name());
    cluster.plugin(&["restore", name, "--name", copy.name(), "--namespace-mappings", &mapping]).ok();
    assert_eq!(App::restored(&copy).checksum("disk"), saved);
    // A lock that could be passed while nobody is asked would be none.
    cluster.plugin(&["delete", name, "--yes"]).ends_with(1).says("failed calling webhook \"locks.kubectl-backup.dev\"");

    let run = shop.plugin(&["snapshot", "create", "disk", "--name", "s1"]).ends_with(1);
    run.says("failed calling webhook \"quota.kubectl-backup.dev\"")
        .says(&format!("-n {NAMESPACE}"))
        .says("deployment/backup-webhook");

    system.kubectl(&["scale", "deployment/backup-webhook", "--replicas=3"]);
    system.all_ready();
    cluster.plugin(&["delete", name, "--yes"]).ok();
    let traffic = Traffic::start(cluster, 1);
    traffic.stop().none_failed("after the webhook is back");
}
