//! Velero as OADP runs it: in a namespace of its own, with fewer rights than an administrator. The component gives its account the
//! right by which API servers know it.

use std::{env, fs, net::SocketAddrV4, path::PathBuf, process::Command, time::Duration};

use e2e_tests::{Run, TestCluster, until};
use serde_json::{Value, json};
use test_cluster::{
    Cluster, Options,
    webhook::{Webhook, apply_url_of, start_process},
};

const NAMESPACE: &str = "openshift-adp";
const ACCOUNT: &str = "system:serviceaccount:openshift-adp:velero";
/// Below `manifests/webhook`: the base with both components.
const COMPONENTS: &str = "../../tests/e2e/overlays/components";

/// An account that may read everything, and write what Velero writes: not an administrator.
fn account() -> Vec<Value> {
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    let rules = [
        rule(&["*"], &["*"], &["get", "list", "watch"]),
        rule(&["velero.io", "snapshot.storage.k8s.io"], &["*"], &["*"]),
        rule(&[""], &["persistentvolumes", "persistentvolumeclaims", "secrets", "configmaps", "events"], &["*"]),
    ];
    let group = "rbac.authorization.k8s.io";
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "velero", "namespace": NAMESPACE}}),
        json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": {"name": "oadp"}, "rules": rules}),
        json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": "oadp"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "oadp"},
            "subjects": [{"kind": "ServiceAccount", "name": "velero", "namespace": NAMESPACE}]}),
    ]
}

/// A second server of the cluster's Velero, as that account.
fn velero(cluster: &TestCluster) -> Webhook {
    let running: &Cluster = cluster.cluster();
    let token = cluster.kubectl(&["create", "token", "velero", "-n", NAMESPACE, "--duration=2h"]);
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "oadp",
        "clusters": [{"name": "oadp", "cluster": {
            "server": running.server_url(0), "certificate-authority": running.state_dir().join("pki/ca.crt"),
        }}],
        "users": [{"name": "oadp", "user": {"token": token.trim()}}],
        "contexts": [{"name": "oadp", "context": {"cluster": "oadp", "user": "oadp", "namespace": NAMESPACE}}],
    });
    let path = running.kubeconfig_of("oadp");
    fs::write(&path, kubeconfig.to_string()).expect("a kubeconfig");
    let bin = |program: &str| running.bin(program).unwrap_or_else(|error| panic!("{error:?}"));
    let scratch = running.state_dir().join("oadp");
    fs::create_dir_all(&scratch).expect("a folder");
    let plugins = bin("velero-plugin-for-aws");
    let anywhere = SocketAddrV4::new(running.host_address(), 0);
    let mut command = Command::new(bin("velero"));
    command
        .args(["server", "--features=EnableCSI", "--uploader-type=kopia", "--store-validation-frequency=10s"])
        .arg("--item-operation-sync-frequency=2s")
        .arg(format!("--plugin-dir={}", plugins.parent().expect("a folder").display()))
        .arg(format!("--metrics-address={anywhere}"))
        .arg(format!("--profiler-address={anywhere}"))
        .env("KUBECONFIG", path)
        .env("VELERO_NAMESPACE", NAMESPACE)
        .env("VELERO_SCRATCH_DIR", scratch)
        .env("NODE_NAME", "none")
        .env("CSI_SNAPSHOT_EARLY_FREQUENT_POLLING", "true")
        .env("AWS_SHARED_CREDENTIALS_FILE", running.state_dir().join("s3-credentials"));
    // The same place as the first Velero's, under a name of its own.
    let location = cluster.kubectl(&["get", "backupstoragelocation", "default", "-n", "velero", "-o", "json"]);
    let mut location: Value = serde_json::from_str(&location).expect("a location");
    location["metadata"] = json!({"name": "default", "namespace": NAMESPACE});
    location["spec"]["objectStorage"]["prefix"] = json!("oadp");
    location.as_object_mut().expect("an object").remove("status");
    cluster.create(&location.to_string());
    let started = Webhook::start(running, "velero-oadp", command, anywhere);
    let started = started.unwrap_or_else(|error| panic!("{error:?}"));
    cluster.wait_for(NAMESPACE, "backupstoragelocation/default", "jsonpath={.status.phase}=Available", 90);
    started
}

fn snapshot(name: &str) -> String {
    json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": name, "namespace": "shop"}, "spec": {"source": {"persistentVolumeClaimName": "disk"}}})
    .to_string()
}

#[test]
fn w2_velero_in_openshift_adp_is_known_with_the_component_and_backs_up_while_the_quota_is_full() {
    let cluster = TestCluster::own(&Options { name: format!("oadp-{}", std::process::id()), ..Options::default() });
    for object in account() {
        cluster.create(&object.to_string());
    }
    let shop = cluster.namespace_named("shop");
    e2e_tests::Claim::block(&shop, "disk");
    let program = PathBuf::from(env::var_os("KUBECTL_BACKUP_WEBHOOK").expect("run these tests with cargo xtask test"));
    let _webhook = start_process(cluster.cluster(), &program).unwrap_or_else(|error| panic!("{error:?}"));
    let _velero = velero(&cluster);
    for n in 1..=10 {
        cluster.create(&snapshot(&format!("s{n}")));
    }
    // Its name alone is worth nothing: quotas bind it, and its own backups fail.
    let as_velero = || -> Run {
        let create = ["create", "--dry-run=server", "-o", "json", "-f", "-", "--as", ACCOUNT];
        cluster.try_kubectl_with(&create, &snapshot("velero-1"))
    };
    as_velero().ends_with(1).says("10/10 used");

    let url = format!("https://{}:9443", cluster.cluster().host_address());
    apply_url_of(cluster.cluster(), COMPONENTS, &url).unwrap_or_else(|error| panic!("{error:?}"));
    until("API servers know Velero by its right", Duration::from_secs(60), || {
        let run = as_velero();
        run.code == 0 && run.json()["metadata"]["labels"]["kubectl-backup.dev/quota-exempt"] == "true"
    });
    // Nobody else gains by it.
    cluster.try_create(&snapshot("s11")).ends_with(1).says("10/10 used");
    let backup = json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "shop", "namespace": NAMESPACE},
        "spec": {"includedNamespaces": ["shop"], "includedResources": ["persistentvolumeclaims", "persistentvolumes"]}});
    cluster.create(&backup.to_string());
    cluster.wait_for(NAMESPACE, "backup.velero.io/shop", "jsonpath={.status.phase}=Completed", 180);
    let taken =
        ["get", "backup.velero.io", "shop", "-n", NAMESPACE, "-o", "jsonpath={.status.csiVolumeSnapshotsCompleted}"];
    assert_eq!(cluster.kubectl(&taken), "1");
    // The other component: volume policies are looked at where Velero's ConfigMaps may be read, and only there.
    let mut wrong = backup;
    wrong["metadata"] = json!({"name": "wrong", "namespace": "velero"});
    wrong["spec"]["resourcePolicy"] = json!({"kind": "configmap", "name": "nowhere"});
    let asked = |object: &Value| cluster.try_create_with(&["--dry-run=server"], &object.to_string());
    until("the right to ConfigMaps is seen", Duration::from_secs(30), || asked(&wrong).stderr.contains("[BKP317]"));
    wrong["metadata"]["namespace"] = json!(NAMESPACE);
    assert!(!asked(&wrong).stderr.contains("BKP317"));
    drop(shop);
    cluster.down();
}
