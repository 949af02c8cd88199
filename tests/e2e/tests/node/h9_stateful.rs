//! H9 under what people run: a StatefulSet with its own claims, scaled and rewritten by others, or something else.

use std::time::Duration;

use e2e_tests::{Namespace, TestCluster};
use serde_json::json;

const SNAPSHOT: &str = "good";
const CLAIM: &str = "data-db-0";

/// A StatefulSet `db` of one pod with bytes in its claim, and a snapshot of other bytes.
struct Database<'a> {
    shop: &'a Namespace<'a>,
    good: String,
    changed: String,
}

impl<'a> Database<'a> {
    fn start(shop: &'a Namespace<'a>, class: &str) -> Self {
        let command =
            "[ -e /data/file ] || head -c 2097152 /dev/urandom > /data/file; touch /tmp/ready; exec sleep 86400";
        let set = json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "db", "namespace": shop.name(), "labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}},
            "spec": {
                "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
                "template": {"metadata": {"labels": {"app": "db"}}, "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{"name": "db", "image": test_cluster::BUSYBOX, "command": ["sh", "-c", command],
                        "readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1},
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                    "storageClassName": class, "resources": {"requests": {"storage": "64Mi"}}}}],
            },
        });
        shop.cluster().create(&set.to_string());
        shop.kubectl(&["rollout", "status", "statefulset/db", "--timeout=120s"]);
        let mut database = Self { shop, good: String::new(), changed: String::new() };
        database.good = database.checksum();
        shop.plugin(&["snapshot", "create", CLAIM, "--name", SNAPSHOT]).ok();
        database.exec("head -c 2097152 /dev/urandom > /data/file; sync");
        database.changed = database.checksum();
        database
    }

    fn exec(&self, command: &str) -> String {
        self.shop.kubectl(&["exec", "db-0", "--", "sh", "-c", command])
    }

    fn checksum(&self) -> String {
        self.exec("sha256sum /data/file").split_whitespace().next().unwrap_or_default().to_owned()
    }

    fn rollback(&self, flags: &[&str]) -> e2e_tests::Run {
        self.shop.plugin(&[&["snapshot", "rollback", SNAPSHOT, "--yes"], flags].concat())
    }

    #[track_caller]
    fn has(&self, checksum: &str) {
        assert_eq!(self.checksum(), checksum);
        assert_eq!(self.shop.kubectl(&["get", "statefulset", "db", "-o", "jsonpath={.spec.replicas}"]), "1");
    }
}

#[test]
fn h9_a_stateful_sets_volume_goes_back_and_on_however_it_is_killed() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let database = Database::start(&shop, "test-files-std");
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "db", "namespace": shop.name()},
        "spec": {"minReplicas": 1, "maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db"}}});
    cluster.create(&scaler.to_string());
    let steps = [
        "keeping volume",
        "scaling statefulset/db to 0",
        "deleting the PVC",
        "making the PVC from the snapshot",
        "scaling statefulset/db to 1",
        "waiting until its pods are ready",
    ];
    for step in steps {
        for way in ["--continue", "--undo"] {
            let args = ["snapshot", "rollback", SNAPSHOT, "--yes", "--safety", "volume", "-n", shop.name()];
            cluster.plugin_killed_at(step, &args);
            database.rollback(&[way]).ok();
            if way == "--continue" {
                database.has(&database.good);
                database.rollback(&["--undo"]).ok();
            }
            database.has(&database.changed);
        }
    }
    let warned = database.rollback(&["--dry-run=client"]).ok();
    warned.says("is scaled by hpa/db").says("is kept up to date by Flux");
}

#[test]
fn h9_owners_that_cannot_be_stopped_and_started_are_refused_with_the_reason() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let database = Database::start(&shop, "test-block-std");
    let spec = |kind: &str| {
        json!({"terminationGracePeriodSeconds": 0, "restartPolicy": if kind == "Job" { "Never" } else { "Always" },
            "containers": [{"name": "c", "image": test_cluster::BUSYBOX, "command": ["sleep", "600"], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": CLAIM}}]})
    };
    let metadata = json!({"name": "visitor", "namespace": shop.name()});
    let labels = json!({"app": "visitor"});
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": spec("Job")}}});
    let daemon = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": {"selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": spec("DaemonSet")}}});
    for (kind, manifest) in [("job", job), ("daemonset", daemon)] {
        cluster.create(&manifest.to_string());
        e2e_tests::until("the visitor has a pod", Duration::from_secs(60), || {
            shop.kubectl(&["get", "pods", "-o", "name"]).contains("visitor")
        });
        let run = database.rollback(&[]).ends_with(1);
        run.says(&format!("(of {kind}/visitor)")).says("Only Deployments and StatefulSets are stopped and started");
        shop.kubectl(&["delete", kind, "visitor", "--cascade=foreground"]);
        database.has(&database.changed);
    }
    let patch = r#"{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenScaled":"Delete"}}}"#;
    shop.kubectl(&["patch", "statefulset", "db", "--type=merge", "-p", patch]);
    database.rollback(&[]).ends_with(1).says("whenScaled is Delete");
    database.has(&database.changed);
}
