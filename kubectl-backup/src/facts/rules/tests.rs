//! A server that has these objects, and no resource but theirs.

use std::convert::Infallible;

use kube::client::Body;
use serde_json::json;

use super::*;

const CLAIMS: &str = "/api/v1/namespaces/shop/persistentvolumeclaims";
const BACKUPS: &str = "/apis/velero.io/v1/namespaces/shop/backups";
const STORAGE_CLASSES: &str = "/apis/storage.k8s.io/v1/storageclasses";
const SNAPSHOT_CLASSES: &str = "/apis/snapshot.storage.k8s.io/v1/volumesnapshotclasses";

/// What is found out about an object of namespace `shop`, where the server answers so at these paths.
async fn about(object: Value, answers: &[(&str, Value)]) -> Facts {
    let answers: HashMap<String, Value> =
        answers.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone())).collect();
    let server = tower::service_fn(move |request: http::Request<Body>| {
        let answer = answers.get(request.uri().path()).cloned();
        let code = if answer.is_some() { 200 } else { 404 };
        let missing = || json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404});
        let body = answer.unwrap_or_else(missing);
        let response = http::Response::builder().status(code).body(Body::from(body.to_string().into_bytes()));
        async move { Ok::<_, Infallible>(response.expect("a response")) }
    });
    let client = kube::Client::new(server, "shop");
    let cluster = Cluster { client, namespace: "shop".into(), context: "test".into(), velero_namespace: None };
    RuleFacts::new(&cluster, Timestamp::UNIX_EPOCH).about(&object, None).await.expect("facts")
}

fn snapshot_of(claim: &str) -> Value {
    json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "spec": {"source": {"persistentVolumeClaimName": claim}}})
}

fn restore(spec: &Value) -> Value {
    json!({"apiVersion": "velero.io/v1", "kind": "Restore", "spec": spec})
}

#[tokio::test]
async fn a_directory_with_a_storage_class_has_what_makes_its_volumes_for_a_driver() {
    let claim = json!({"metadata": {"name": "rack"}, "spec": {"storageClassName": "a-block-b", "volumeName": "pv"}});
    let volume = |source: Value| json!({"metadata": {"name": "pv"}, "spec": source});
    let class = json!({"metadata": {"name": "a-block-b"}, "provisioner": "kubernetes.io/no-provisioner"});
    let driver = async |source: Value| {
        let answers = [
            (&*format!("{CLAIMS}/rack"), claim.clone()),
            ("/api/v1/persistentvolumes/pv", volume(source)),
            (&*format!("{STORAGE_CLASSES}/a-block-b"), class.clone()),
        ];
        about(snapshot_of("rack"), &answers).await.source_volume.and_then(|volume| volume.driver)
    };
    let directory = json!({"hostPath": {"path": "/srv"}});
    assert_eq!(driver(directory).await.as_deref(), Some("kubernetes.io/no-provisioner"));
    let by_csi = json!({"csi": {"driver": "csi.test", "volumeHandle": "h"}});
    assert_eq!(driver(by_csi).await.as_deref(), Some("csi.test"), "the volume itself knows better");
}

#[tokio::test]
async fn snapshot_classes_that_are_not_served_stay_open() {
    assert_eq!(about(snapshot_of("disk"), &[]).await.snapshot_classes, None);
    let class = json!({"metadata": {"name": "fast", "annotations": {
        "snapshot.storage.kubernetes.io/is-default-class": "true"}}, "driver": "csi.test", "deletionPolicy": "Delete"});
    let list = json!({"kind": "VolumeSnapshotClassList", "metadata": {}, "items": [class]});
    let fact = SnapshotClassFact { name: "fast".into(), driver: "csi.test".into(), is_default: true };
    assert_eq!(about(snapshot_of("disk"), &[(SNAPSHOT_CLASSES, list)]).await.snapshot_classes, Some(vec![fact]));
}

#[tokio::test]
async fn a_schedule_with_a_long_name_has_its_backups() {
    let schedule = "d".repeat(64);
    let label = velero_label_value(&schedule);
    let backup = |label: &str| json!({"metadata": {"name": "b", "labels": {"velero.io/schedule-name": label}}});
    let list = json!({"kind": "BackupList", "metadata": {}, "items": [backup(&label), backup("other")]});
    let facts = about(restore(&json!({"scheduleName": schedule})), &[(BACKUPS, list)]).await;
    assert_eq!(facts.velero.backups_of_schedule.map(|found| found.len()), Some(1));
}

#[tokio::test]
async fn what_no_server_can_be_asked_for_stays_open() {
    let named = async |name: &str| about(restore(&json!({"backupName": name})), &[]).await.velero.backup;
    assert_eq!(named("nowhere").await, Some(Lookup::Absent));
    assert_eq!(named("two words").await, None);
    assert_eq!(about(snapshot_of("two words"), &[]).await.source_volume, None);
}

#[tokio::test]
async fn the_node_agent_of_either_system_is_known_by_its_name() {
    let moved = json!({"apiVersion": "velero.io/v1", "kind": "Backup", "spec": {"snapshotMoveData": true}});
    let ready = async |name: &str, pods: u32| {
        let agent = json!({"metadata": {"name": name}, "status": {"numberReady": pods}});
        let list = json!({"kind": "DaemonSetList", "metadata": {}, "items": [agent]});
        about(moved.clone(), &[("/apis/apps/v1/namespaces/shop/daemonsets", list)]).await.velero.node_agent
    };
    assert_eq!(ready("node-agent", 1).await, Some(true));
    assert_eq!(ready("node-agent-windows", 1).await, Some(true));
    assert_eq!(ready("node-agent", 0).await, Some(false));
    assert_eq!(ready("node-exporter", 1).await, Some(false));
}
