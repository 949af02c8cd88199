//! W3: a PVC in a directory of the node is passed over by Velero, and refused by our webhook before that.

use std::time::Duration;

use e2e_tests::{Claim, TestCluster, until};
use serde_json::json;

const VELERO: &str = "system:serviceaccount:velero:velero";

#[test]
fn w3_what_velero_passes_over_in_a_directory_of_a_node_is_refused_before() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("w3");
    let name = shop.name();
    cluster.create(&Claim::manifest(name, "disk", "test-block-std"));
    for object in Claim::in_node_directory(name, "shelf", &format!("/tmp/{name}")) {
        cluster.create(&object.to_string());
    }
    cluster.wait_for(name, "pvc/shelf", "jsonpath={.status.phase}=Bound", 120);
    let claims = ["disk", "shelf"];
    let volume = |claim: &&str| json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}});
    let mount = |claim: &&str| json!({"name": claim, "mountPath": format!("/{claim}")});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app", "namespace": name, "annotations": {"backup.velero.io/backup-volumes": "disk,shelf"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "app", "image": test_cluster::BUSYBOX,
                "command": ["sh", "-c", "echo kept > /disk/file; echo lost > /shelf/file; exec sleep 86400"],
                "volumeMounts": claims.iter().map(mount).collect::<Vec<_>>()}],
            "volumes": claims.iter().map(volume).collect::<Vec<_>>(),
        },
    })
    .to_string();
    // Each replica learns of the volume when its watch brings it.
    until("the pod is refused", Duration::from_secs(60), || {
        let run = cluster.try_create(&pod);
        if run.code == 0 {
            shop.kubectl(&["delete", "pod", "app"]);
            return false;
        }
        run.says("volume \"shelf\" is a PVC whose data lie in a directory of a node").says("[BKP115]");
        true
    });

    // Velero's account is not asked about, as in a restore: what comes then shows that the rule is right.
    cluster.try_create_as(VELERO, &pod).ok();
    cluster.wait_for(name, "pod/app", "condition=Ready", 120);
    cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "annotated"]).ok();
    let label = format!("velero.io/backup-name={name}");
    let saved = ["get", "podvolumebackups", "-n", "velero", "-l", &label, "-o", "jsonpath={.items[*].spec.volume}"];
    assert_eq!(cluster.kubectl(&saved), "disk");
    cluster.plugin(&["delete", name, "--yes"]).ok();
    shop.kubectl(&["delete", "pod", "app"]);
    cluster.kubectl(&["delete", "pv", &format!("{name}-shelf"), "--wait=false"]);
}
