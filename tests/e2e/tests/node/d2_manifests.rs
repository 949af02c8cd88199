//! D2, W3, W4: the webhook as pods, from the manifests that users apply.

use e2e_tests::{App, Claim, TestCluster};

const SYSTEM: &str = "kubectl-backup-system";

#[test]
fn d2_the_manifests_run_three_replicas_under_restricted_pod_security() {
    let cluster = TestCluster::node();
    cluster.wait_for(SYSTEM, "deployment/backup-webhook", "jsonpath={.status.readyReplicas}=3", 120);
    let level = "jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}";
    assert_eq!(cluster.kubectl(&["get", "namespace", SYSTEM, "-o", level]), "restricted");
}

/// Else creates that wait for the webhook and its writes of the ledger would stand in one queue.
#[test]
fn d2_the_webhooks_own_requests_have_a_queue_of_their_own() {
    let cluster = TestCluster::node();
    let dispatched = || -> u64 {
        let metrics = cluster.kubectl(&["get", "--raw", "/metrics"]);
        let own = metrics.lines().filter(|line| {
            line.starts_with("apiserver_flowcontrol_dispatched_requests_total{")
                && line.contains("flow_schema=\"backup-webhook\"")
                && line.contains("priority_level=\"backup-webhook\"")
        });
        own.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    };
    let shop = cluster.namespace("d2");
    let before = dispatched();
    cluster.create(&format!(
        r#"{{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshot","metadata":{{"name":"counted","namespace":"{}"}},
        "spec":{{"volumeSnapshotClassName":"none","source":{{"persistentVolumeClaimName":"none"}}}}}}"#,
        shop.name()
    ));
    assert!(dispatched() > before, "the write of the ledger was dispatched by another flow schema");
}

#[test]
fn w3_a_deployment_whose_template_is_misread_is_refused_with_the_way_out() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("w3");
    let manifest = format!(
        r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"web","namespace":"{}"}},"spec":{{"selector":{{"matchLabels":{{"a":"b"}}}},
        "template":{{"metadata":{{"labels":{{"a":"b"}},"annotations":{{"backup.velero.io/backup-volumes":"data, config,nosuch"}}}},
        "spec":{{"containers":[{{"name":"c","image":"{}"}}],"volumes":[{{"name":"data","emptyDir":{{}}}},{{"name":"config","configMap":{{"name":"x"}}}}]}}}}}}}}"#,
        shop.name(),
        test_cluster::BUSYBOX
    );
    // All faults at once: the blank, the volume that Velero never saves, the volume that is not there.
    let run = cluster.try_create(&manifest).ends_with(1);
    run.says("BKP101").says("BKP104").says("nosuch").says("spec.template.metadata.annotations");
}

#[test]
fn w3_a_pod_that_is_right_runs() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("w3");
    App::start(&shop, &[("data", "test-block-std")], Some("data-volume"));
}

#[test]
fn w4_a_snapshot_without_a_class_gets_the_one_of_its_storage_class() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("w4");
    Claim::files(&shop, "share");
    cluster.create(&format!(
        r#"{{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshot","metadata":{{"name":"plain","namespace":"{}"}},
        "spec":{{"source":{{"persistentVolumeClaimName":"share"}}}}}}"#,
        shop.name()
    ));
    let class = shop.kubectl(&["get", "volumesnapshot", "plain", "-o", "jsonpath={.spec.volumeSnapshotClassName}"]);
    assert_eq!(class, "files-snapshot");
    cluster.wait_for(shop.name(), "volumesnapshot/plain", "jsonpath={.status.readyToUse}=true", 120);
}
