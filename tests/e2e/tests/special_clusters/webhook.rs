//! Our webhook beside a cluster: limits, defaults and annotations, as kubectl's users meet them.

use std::{env, path::PathBuf, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use e2e_tests::{Run, Shared, TestCluster, Turn, until};
use serde_json::{Value, json};
use test_cluster::{
    Options,
    webhook::{Webhook, start_process},
};

use crate::webhook_server::told;

const VELERO: &str = "system:serviceaccount:velero:velero";

/// One cluster for all tests of this file, one test at a time: limits are the whole cluster's.
static CLUSTER: Shared<Guarded> = Shared::new(Guarded::start, |spoiled| spoiled.cluster.down());

pub struct Guarded {
    pub cluster: TestCluster,
    pub webhook: Option<Webhook>,
}

impl Guarded {
    fn start(which: u32) -> Self {
        let options = Options { name: format!("webhook-{which}-{}", std::process::id()), ..Options::default() };
        let cluster = TestCluster::own(&options);
        for (name, class) in [("disk", "test-block-std"), ("share", "test-files-std")] {
            cluster.create(&json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "default"},
                "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": class, "resources": {"requests": {"storage": "1Mi"}}},
            }).to_string());
            cluster.wait_for("default", &format!("pvc/{name}"), "jsonpath={.status.phase}=Bound", 120);
        }
        let mut guarded = Self { cluster, webhook: None };
        guarded.start_webhook();
        guarded
    }

    #[allow(clippy::disallowed_methods, reason = "a test is an edge")]
    pub fn start_webhook(&mut self) {
        let program = env::var_os("KUBECTL_BACKUP_WEBHOOK").expect("run these tests with cargo xtask test");
        let started = start_process(self.cluster.cluster(), &PathBuf::from(program));
        self.webhook = Some(started.unwrap_or_else(|error| panic!("{error:?}")));
    }

    pub fn snapshot(&self, name: &str, claim: &str) -> Run {
        self.cluster.try_create(&snapshot(name, claim).to_string())
    }

    fn snapshot_as_velero(&self, name: &str) -> Run {
        let manifest = snapshot(name, "disk").to_string();
        self.cluster.try_create_as(VELERO, &manifest)
    }
}

pub fn cluster() -> Turn<'static, Guarded> {
    let mut guarded = CLUSTER.take();
    // What an earlier test left, also a failed one, is not this test's matter.
    if guarded.webhook.is_none() {
        guarded.start_webhook();
    }
    guarded.cluster.kubectl(&["delete", "backuppolicies", "--all"]);
    guarded.cluster.kubectl(&["delete", "volumesnapshots", "--all", "--all-namespaces", "--wait=false"]);
    guarded.cluster.until_snapshots_are_gone(&["--all-namespaces"]);
    guarded.cluster.kubectl(&["delete", "schedules.velero.io", "--all", "--all-namespaces"]);
    // A policy that is gone stays in force for a while.
    until("the built-in limits hold", Duration::from_secs(60), || {
        let metrics = told(&guarded, "/metrics");
        let limit = |resource: &str, slots: u32| {
            metrics.contains(&format!("backup_webhook_quota_limit{{resource=\"{resource}\"}} {slots}\n"))
        };
        limit("volumesnapshots.snapshot.storage.k8s.io", 10) && limit("schedules.velero.io", 3)
    });
    guarded
}

pub fn snapshot(name: &str, claim: &str) -> Value {
    json!({
        "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"source": {"persistentVolumeClaimName": claim}},
    })
}

fn schedule(name: &str) -> String {
    json!({
        "apiVersion": "velero.io/v1", "kind": "Schedule", "metadata": {"name": name, "namespace": "velero"},
        "spec": {"schedule": "0 3 1 1 *", "template": {"includedNamespaces": ["none"]}},
    })
    .to_string()
}

fn deployment(volumes: &str) -> String {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}, "annotations": {"backup.velero.io/backup-volumes": volumes}},
            "spec": {
                "containers": [{"name": "web", "image": "none", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
                "volumes": [
                    {"name": "data", "persistentVolumeClaim": {"claimName": "disk"}},
                    {"name": "config", "configMap": {"name": "web"}},
                ],
            },
        }},
    })
    .to_string()
}

#[test]
fn w1_the_eleventh_snapshot_is_refused_and_a_freed_slot_is_usable_at_once() {
    let guarded = cluster();
    for n in 1..=10 {
        guarded.snapshot(&format!("s{n}"), "disk").ok();
    }
    let refused = guarded.snapshot("s11", "disk").ends_with(1);
    refused
        .says("Error from server (Forbidden)")
        .says("cluster quota volumesnapshots: 10/10 used. Holders: default/s1 (")
        .says("Free one, for example: kubectl backup snapshot delete s1 -n default");
    // A name that exists takes no second slot, so that the store answers itself.
    guarded.snapshot("s1", "disk").ends_with(1).says("AlreadyExists");
    guarded.cluster.kubectl(&["delete", "volumesnapshot", "s1", "-n", "default"]);
    guarded.snapshot("s11", "disk").ok();
}

#[test]
fn w1_the_fourth_schedule_is_refused() {
    let guarded = cluster();
    for n in 1..=3 {
        guarded.cluster.create(&schedule(&format!("n{n}")));
    }
    let refused = guarded.cluster.try_create(&schedule("n4")).ends_with(1);
    refused
        .says("cluster quota schedules: 3/3 used. Holders: velero/n1 (")
        .says("kubectl delete schedules.velero.io n");
    // A restore makes its Schedules as Velero, and is not refused.
    guarded.cluster.try_create_as(VELERO, &schedule("n4")).ok();
}

#[test]
fn w2_velero_takes_no_slots_and_nobody_else_takes_its_mark() {
    let guarded = cluster();
    for n in 1..=10 {
        guarded.snapshot(&format!("s{n}"), "disk").ok();
    }
    guarded.snapshot_as_velero("velero-1").ok();
    let mut marked = snapshot("mine", "disk");
    marked["metadata"]["labels"] = json!({"kubectl-backup.dev/quota-exempt": "true"});
    guarded.cluster.try_create(&marked.to_string()).ends_with(1).says("[BKP401]");
    let label = ["label", "volumesnapshot", "s1", "-n", "default", "kubectl-backup.dev/quota-exempt=true"];
    guarded.cluster.try_kubectl(&label).ends_with(1).says("[BKP401]");
    // Nor for a snapshot that its owner deleted and holds back with a finalizer.
    let finalizers = |list: &str| format!(r#"{{"metadata":{{"finalizers":{list}}}}}"#);
    let patch = |list: &str| {
        let patch = finalizers(list);
        guarded.cluster.kubectl(&["patch", "volumesnapshot", "s1", "-n", "default", "--type=merge", "-p", &patch]);
    };
    patch(r#"["example.org/mine"]"#);
    guarded.cluster.kubectl(&["delete", "volumesnapshot", "s1", "-n", "default", "--wait=false"]);
    guarded.cluster.try_kubectl(&label).ends_with(1).says("[BKP401]");
    patch("[]");
    guarded.cluster.kubectl(&["wait", "--for=delete", "volumesnapshot/s1", "-n", "default", "--timeout=30s"]);
    guarded.snapshot("s1", "disk").ok();
    guarded.snapshot("s11", "disk").ends_with(1).says("10/10 used");
}

#[test]
fn w3_annotations_are_refused_where_they_are_written() {
    let guarded = cluster();
    let refused = guarded.cluster.try_create(&deployment("data, disk,config")).ends_with(1);
    refused
        .says("The Deployment \"web\" is invalid")
        .says("spec.template.metadata.annotations[backup.velero.io/backup-volumes]")
        .says("\" disk\" has a blank beside the comma")
        .says("it is the PVC of volume \"data\", and the list takes names of volumes: write \"data\" [BKP104]")
        .says("volume \"config\" is a ConfigMap")
        .says("[BKP105]");
    // An owner that the author invents makes no copy.
    let mut owned: Value = serde_json::from_str(&deployment("data,nope")).expect("a Deployment");
    let uid = "00000000-0000-4000-8000-000000000000";
    owned["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "other", "uid": uid, "controller": true}]);
    guarded.cluster.try_create(&owned.to_string()).ends_with(1).says("[BKP104]");
    guarded.cluster.create(&deployment("data"));
    guarded.cluster.kubectl(&["scale", "deployment/web", "-n", "default", "--replicas=1"]);
    guarded.cluster.wait_for("default", "deployment/web", "jsonpath={.status.replicas}=1", 120);
    guarded.cluster.kubectl(&["delete", "deployment", "web", "-n", "default"]);
}

/// A pod's annotations are also written with its status, and by who binds it to a node.
#[test]
fn w3_annotations_are_refused_in_a_pods_status_and_in_its_binding() {
    let guarded = cluster();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bound", "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "none"}]}});
    guarded.cluster.create(&pod.to_string());
    let annotations = json!({"backup.velero.io/backup-volumes": "a, b"});
    let patch = json!({"metadata": {"annotations": annotations}}).to_string();
    let status = ["patch", "pod", "bound", "-n", "default", "--subresource=status", "--type=merge", "-p", &patch];
    guarded.cluster.try_kubectl(&status).ends_with(1).says("[BKP101]");
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "target": {"kind": "Node", "name": "none"},
        "metadata": {"name": "bound", "namespace": "default", "annotations": annotations}});
    for path in ["/api/v1/namespaces/default/pods/bound/binding", "/api/v1/namespaces/default/bindings"] {
        let create = ["create", "--raw", path, "-f", "-"];
        let refused = guarded.cluster.try_kubectl_with(&create, &binding.to_string()).ends_with(1);
        assert!(format!("{}{}", refused.stdout, refused.stderr).contains("[BKP116]"), "{path}: {refused:?}");
    }
    guarded.cluster.kubectl(&["delete", "pod", "bound", "-n", "default", "--force"]);
}

#[test]
fn w4_a_class_is_filled_in_and_the_retention_left_to_velero() {
    let guarded = cluster();
    guarded.snapshot("from-disk", "disk").ok();
    guarded.snapshot("from-share", "share").ok();
    guarded.cluster.create(&schedule("open"));
    let field = |object: &[&str], path: &str| {
        let output = format!("jsonpath={path}");
        guarded.cluster.kubectl(&[&["get"], object, &["-o", &output]].concat())
    };
    let class = "{.spec.volumeSnapshotClassName}";
    assert_eq!(field(&["volumesnapshot", "from-disk", "-n", "default"], class), "block-snapshot");
    assert_eq!(field(&["volumesnapshot", "from-share", "-n", "default"], class), "files-snapshot");
    // Without --default-backup-ttl the default is that of Velero's server, and the webhook does not override it.
    assert_eq!(field(&["schedule.velero.io", "open", "-n", "velero"], "{.spec.template.ttl}"), "");
}

#[test]
fn w8_without_the_webhook_limits_hold_and_everything_else_works() {
    let mut guarded = cluster();
    guarded.cluster.create(&deployment("data"));
    let running = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "running", "namespace": "default", "annotations": {"backup.velero.io/backup-volumes": "data"}},
        "spec": {"containers": [{"name": "c", "image": "none", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "emptyDir": {}}]},
    });
    guarded.cluster.create(&running.to_string());
    let claim = ["annotate", "pvc/disk", "-n", "default", "backup.velero.io/backup-volumes=data"];
    guarded.cluster.try_kubectl(&claim).ok().says("BKP107");
    guarded.webhook.take().expect("it runs").stop().unwrap_or_else(|error| panic!("{error:?}"));
    // Others annotate what is annotated for Velero: a network plugin, whoever binds a claim, `rollout restart`.
    for object in ["pod/running", "pvc/disk", "deployment/web"] {
        guarded.cluster.kubectl(&["annotate", object, "-n", "default", "example.org/x=y"]);
    }
    let status =
        ["--subresource=status", "--type=merge", "-p", r#"{"metadata": {"annotations": {"example.org/x": "z"}}}"#];
    guarded.cluster.kubectl(&[&["patch", "pod/running", "-n", "default"][..], &status].concat());
    guarded.cluster.kubectl(&["rollout", "restart", "deployment/web", "-n", "default"]);
    let other = ["-n", "default", "--overwrite", "backup.velero.io/backup-volumes=other"];
    guarded.cluster.kubectl(&[&["annotate", "pvc/disk"][..], &other].concat());
    for object in ["pod/running", "deployment/web"] {
        let run = guarded.cluster.try_kubectl(&[&["annotate", object][..], &other].concat());
        run.ends_with(1).says("failed calling webhook \"volumes.kubectl-backup.dev\"");
    }
    let unmounted = r#"{"spec": {"template": {"spec": {"containers": [{"name": "web", "volumeMounts": [{"$patch": "replace"}]}]}}}}"#;
    let run = guarded.cluster.try_kubectl(&["patch", "deployment/web", "-n", "default", "-p", unmounted]);
    run.ends_with(1).says("failed calling webhook \"volumes.kubectl-backup.dev\"");
    guarded.snapshot("s1", "disk").ends_with(1).says("failed calling webhook \"quota.kubectl-backup.dev\"");
    guarded.snapshot_as_velero("velero-1").ok();
    let pod = |name: &str, annotations: &Value| {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "annotations": annotations},
            "spec": {"containers": [{"name": "c", "image": "none"}]},
        })
        .to_string()
    };
    guarded.cluster.create(&pod("plain", &json!({})));
    let annotated = pod("annotated", &json!({"backup.velero.io/backup-volumes": "data"}));
    guarded.cluster.try_create(&annotated).ends_with(1).says("failed calling webhook \"volumes.kubectl-backup.dev\"");
    guarded.cluster.try_create(&schedule("n1")).ends_with(1).says("failed calling webhook");
    // What Velero restores comes back.
    for restored in [&annotated, &schedule("n1")] {
        guarded.cluster.try_create_as(VELERO, restored).ok();
    }
    guarded.cluster.kubectl(&["delete", "pod", "annotated", "-n", "default", "--force"]);
    // An annotated workload that exists goes on: its controller makes pods, and nobody is asked.
    guarded.cluster.kubectl(&["scale", "deployment/web", "-n", "default", "--replicas=1"]);
    guarded.cluster.wait_for("default", "deployment/web", "jsonpath={.status.replicas}=1", 120);
    guarded.cluster.kubectl(&["delete", "-n", "default", "deployment/web", "pod/plain", "pod/running", "--force"]);
    guarded.start_webhook();
    guarded.snapshot("s1", "disk").ok();
}

const SECRET: [&str; 4] = ["secret", "backup-webhook-tls", "-n", "kubectl-backup-system"];

impl Guarded {
    pub fn in_secret(&self, path: &str) -> String {
        self.cluster.kubectl(&[&["get"][..], &SECRET, &["-o", &format!("jsonpath={path}")]].concat())
    }

    fn wait_for_secret(&self, condition: &str) {
        self.cluster.wait_for(SECRET[3], "secret/backup-webhook-tls", condition, 120);
    }

    /// Waits until both configurations name just the CA that signs.
    fn wait_for_authority(&self) {
        let told = format!("jsonpath={{.webhooks[0].clientConfig.caBundle}}={}", self.in_secret("{.data.ca\\.crt}"));
        for kind in ["validatingwebhookconfiguration", "mutatingwebhookconfiguration"] {
            self.cluster.wait_for("default", &format!("{kind}/backup-webhook"), &told, 120);
        }
        // And the path that goes with it.
        let path = self.in_secret("{.data.path}");
        let path = String::from_utf8(BASE64_STANDARD.decode(path).expect("base64")).expect("text");
        let urls = [
            "get",
            "validatingwebhookconfiguration",
            "backup-webhook",
            "-o",
            "jsonpath={.webhooks[*].clientConfig.url}",
        ];
        let urls = self.cluster.kubectl(&urls);
        assert!(
            urls.split(' ').all(|url| url.ends_with(&format!("/validate/{path}"))),
            "{}",
            urls.replace(&path, "PATH")
        );
    }
}

#[test]
fn w8_a_lost_certificate_and_a_lost_authority_are_made_good() {
    let guarded = cluster();
    let before = guarded.in_secret("{.data.ca\\.crt}");
    guarded
        .cluster
        .kubectl(&[&["patch"][..], &SECRET, &["--type=json", "-p", r#"[{"op":"remove","path":"/data"}]"#]].concat());
    // What was served by goes on, while another authority is made known and then taken.
    guarded.wait_for_secret("jsonpath={.data.next-ca\\.crt}");
    guarded.snapshot("s1", "disk").ok();
    guarded.wait_for_secret("jsonpath={.data.previous-ca\\.crt}");
    guarded.snapshot("s2", "disk").ok();
    assert_ne!(guarded.in_secret("{.data.ca\\.crt}"), before);
    guarded.wait_for_authority();
    guarded.snapshot("s3", "disk").ok();
    guarded.cluster.kubectl(&[
        "patch",
        "validatingwebhookconfiguration",
        "backup-webhook",
        "--type=json",
        "-p",
        r#"[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]"#,
    ]);
    guarded.wait_for_authority();
}

#[test]
fn w8_an_operator_has_the_certificate_and_the_authority_replaced() {
    let guarded = cluster();
    let wish = |what: &str| {
        guarded
            .cluster
            .kubectl(&[&["annotate"][..], &SECRET, &[&format!("kubectl-backup.dev/rotate={what}")]].concat());
    };
    let (authority, certificate) = (guarded.in_secret("{.data.ca\\.crt}"), guarded.in_secret("{.data.tls\\.crt}"));
    wish("certificate");
    until("the wish is granted", Duration::from_secs(60), || {
        guarded.in_secret("{.metadata.annotations.kubectl-backup\\.dev/rotate}").is_empty()
    });
    assert_eq!(guarded.in_secret("{.data.ca\\.crt}"), authority);
    assert_ne!(guarded.in_secret("{.data.tls\\.crt}"), certificate);
    wish("ca");
    guarded.wait_for_secret("jsonpath={.data.previous-ca\\.crt}");
    assert_ne!(guarded.in_secret("{.data.ca\\.crt}"), authority);
    assert_eq!(guarded.in_secret("{.metadata.annotations}"), "");
    guarded.wait_for_authority();
    guarded.snapshot("s1", "disk").ok();
}
