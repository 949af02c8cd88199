//! H1, H4: bytes that a pod wrote, read by another pod from the restored claim.

use e2e_tests::{App, Claim, TestCluster};

#[test]
fn h4_a_pod_reads_from_the_restored_claim_what_another_wrote() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h4");
    let app = App::start(&shop, &[("disk", "test-block-std"), ("share", "test-files-std")], None);
    for claim in ["disk", "share"] {
        let written = app.checksum(claim);
        shop.plugin(&["snapshot", "create", claim, "--name", claim]).ok();
        app.exec(&format!("echo overwritten > /{claim}/file"));
        let target = format!("{claim}-restored");
        shop.plugin(&["snapshot", "restore", claim, "--to", &target]).ok();
        assert_eq!(read_by_a_new_pod(&cluster, shop.name(), &target), written);
        shop.plugin(&["snapshot", "delete", claim, "--yes"]).ok();
    }
}

#[test]
fn h4_a_class_that_binds_on_first_consumer_binds_when_a_pod_comes() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h4");
    let app = App::start(&shop, &[("disk", "test-block-std")], None);
    let written = app.checksum("disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "snap"]).ok();
    shop.plugin(&["snapshot", "restore", "snap", "--to", "later", "--storage-class", "test-block-wait"]).ok();
    assert_eq!(read_by_a_new_pod(&cluster, shop.name(), "later"), written);
    // A claim that is bound at last is no reason to keep the snapshot.
    shop.plugin(&["snapshot", "delete", "snap", "--yes"]).ok();
}

#[test]
fn h1_a_claim_that_waits_for_its_first_pod_is_refused_until_then() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h1");
    cluster.create(&Claim::manifest(shop.name(), "waiting", "test-block-wait"));
    shop.plugin(&["snapshot", "create", "waiting"]).ends_with(1).says("first");
}

/// The SHA-256 of the claim's file, computed by a pod of its own.
fn read_by_a_new_pod(cluster: &TestCluster, namespace: &str, claim: &str) -> String {
    let name = format!("read-{claim}");
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{
                "name": "reader", "image": test_cluster::BUSYBOX, "command": ["sha256sum", "/data/file"],
                "volumeMounts": [{"name": "volume", "mountPath": "/data", "readOnly": true}],
            }],
            "volumes": [{"name": "volume", "persistentVolumeClaim": {"claimName": claim}}],
        },
    });
    cluster.create(&pod.to_string());
    cluster.wait_for(namespace, &format!("pod/{name}"), "jsonpath={.status.phase}=Succeeded", 60);
    let line = cluster.kubectl(&["logs", "-n", namespace, &name]);
    line.split_whitespace().next().unwrap_or_default().to_owned()
}
