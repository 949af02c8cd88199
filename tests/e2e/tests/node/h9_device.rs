//! H4, H9: what a pod wrote to a device.

use e2e_tests::{Claim, Namespace, TestCluster};
use serde_json::{Value, json};

fn checksum(shop: &Namespace<'_>, deployment: &str) -> String {
    let read = format!("deployment/{deployment}");
    shop.kubectl(&["rollout", "status", &read, "--timeout=120s"]);
    shop.kubectl(&["exec", &read, "--", "sh", "-c", "head -c 2097152 /dev/xvda | sha256sum"])
}

fn write(shop: &Namespace<'_>) {
    let command = "head -c 2097152 /dev/urandom > /dev/xvda && sync /dev/xvda";
    shop.kubectl(&["exec", "deployment/app", "--", "sh", "-c", command]);
}

fn deployment(namespace: &str, name: &str, claim: &str) -> String {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace}, "spec": {
        "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}, "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "app", "image": test_cluster::BUSYBOX, "command": ["sh", "-c", "exec sleep 86400"],
                "volumeDevices": [{"name": "raw", "devicePath": "/dev/xvda"}]}],
            "volumes": [{"name": "raw", "persistentVolumeClaim": {"claimName": claim}}],
        }},
    }})
    .to_string()
}

#[test]
fn h9_what_a_pod_wrote_to_a_device_comes_back_to_it() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let mut claim: Value =
        serde_json::from_str(&Claim::manifest(shop.name(), "raw", "test-block-std")).expect("a manifest");
    claim["spec"]["volumeMode"] = json!("Block");
    cluster.create(&claim.to_string());
    cluster.create(&deployment(shop.name(), "app", "raw"));
    shop.kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
    write(&shop);
    let before = checksum(&shop, "app");
    shop.plugin(&["snapshot", "create", "raw", "--name", "before"]).ok();
    write(&shop);
    let now = checksum(&shop, "app");
    assert_ne!(now, before);

    shop.plugin(&["snapshot", "restore", "before", "--to", "restored"]).ok();
    cluster.create(&deployment(shop.name(), "reader", "restored"));
    assert_eq!(checksum(&shop, "reader"), before);
    shop.plugin(&["snapshot", "rollback", "before", "--yes"]).ok();
    assert_eq!(checksum(&shop, "app"), before);
    shop.plugin(&["snapshot", "rollback", "before", "--undo", "--yes"]).ok();
    assert_eq!(checksum(&shop, "app"), now);
}
