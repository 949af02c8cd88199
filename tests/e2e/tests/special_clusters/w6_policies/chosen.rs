//! W6: the policies as an administrator chooses them: with severities and exemptions of a BackupPolicy, and in place of the
//! webhook where pods are concerned.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
};

use e2e_tests::{Run, Shared, TestCluster, Turn, until};
use serde_json::{Value, json};
use test_cluster::{
    Options,
    webhook::{Replica, Webhook, apply_url_of},
};

use super::{EXCLUDES, LIST, MINUTE, pod, seen};

const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/crds");
/// Below `manifests/webhook`: the base with the component.
const WITHOUT_PODS: &str = "../../tests/e2e/overlays/without-pods";
/// Where API servers note what a policy found and let pass.
const NOTED: &str = "validation.policy.admission.k8s.io/validation_failure";
const VELERO: [&str; 2] = ["--as=system:serviceaccount:velero:velero", "--as-group=system:masters"];
/// Each may do everything; who they are is all that differs.
const ROBOT: [&str; 2] = ["--as=robot", "--as-group=system:masters"];
const KEEPER: [&str; 3] = ["--as=somebody", "--as-group=keepers", "--as-group=system:masters"];
const SOMEBODY: [&str; 2] = ["--as=somebody", "--as-group=system:masters"];

/// One cluster for all tests of this file, one test at a time: the policies are the whole cluster's.
static CLUSTER: Shared<TestCluster> = Shared::new(start, TestCluster::down);

fn start(which: u32) -> TestCluster {
    let options = Options { name: format!("chosen-{which}-{}", std::process::id()), ..Options::default() };
    let cluster = TestCluster::own(&options);
    cluster.kubectl(&["apply", "--server-side", "-k", CRDS]);
    cluster
}

fn cluster() -> Turn<'static, TestCluster> {
    let cluster = CLUSTER.take();
    // What an earlier test left, also a failed one, is not this test's matter.
    let webhooks = "validatingwebhookconfigurations,mutatingwebhookconfigurations";
    cluster.kubectl(&["delete", webhooks, "-l", "app.kubernetes.io/part-of=kubectl-backup"]);
    until("no webhook is asked", MINUTE, || {
        cluster.try_kubectl(&["delete", "backuppolicies", "--all"]).code == 0
            && cluster.try_create_with(&["--dry-run=server"], &policy(&json!({})).to_string()).code == 0
    });
    cluster
}

fn policy(spec: &Value) -> Value {
    json!({"apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"}, "spec": spec})
}

/// Puts the policies that the plugin prints with these flags in the place of those before.
fn put(cluster: &TestCluster, flags: &[&str]) {
    let kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings";
    let ours = "app.kubernetes.io/name=kubectl-backup,app.kubernetes.io/component=policy";
    cluster.kubectl(&["delete", kinds, "-l", ours]);
    let blank = blank();
    until("the policies before are gone", MINUTE, || ask(cluster, &SOMEBODY, &blank).code == 0);
    let policies = cluster.plugin(&[&["policy", "show", "--format", "vap"], flags].concat()).ok().stdout;
    cluster.create(&policies);
}

/// A pod of a name, with these annotations.
fn named(name: &str, annotations: &Value) -> Value {
    let mut object = pod(annotations);
    object["metadata"]["name"] = json!(name);
    object["metadata"]["namespace"] = json!("default");
    object
}

/// Breaks BKP101.
fn blank() -> Value {
    named("blank", &json!({LIST: " data"}))
}

/// Breaks BKP104.
fn unknown() -> Value {
    named("unknown", &json!({LIST: "nope"}))
}

/// Breaks BKP105.
fn config() -> Value {
    named("config", &json!({LIST: "config"}))
}

/// Breaks BKP106.
fn both() -> Value {
    named("both", &json!({LIST: "data", EXCLUDES: "data"}))
}

fn ask(cluster: &TestCluster, who: &[&str], object: &Value) -> Run {
    cluster.try_create_with(&[&["--dry-run=server"], who].concat(), &object.to_string())
}

/// What is said to whoever asks: whether it is refused, and by which rules it is refused or told of.
fn told(cluster: &TestCluster, who: &[&str], object: &Value) -> (bool, String) {
    let run = ask(cluster, who, object);
    let (refused, warned) = seen(&run);
    (run.code != 0, refused.into_iter().chain(warned).collect::<Vec<_>>().join(","))
}

/// What API servers noted about the creates of a pod of that name, as far as their logs are written.
fn notes(cluster: &TestCluster, name: &str) -> Vec<Value> {
    let log = fs::read_to_string(cluster.cluster().log("kube-apiserver-audit")).unwrap_or_default();
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let its = entries.filter(|entry| entry["objectRef"]["resource"] == "pods" && entry["objectRef"]["name"] == name);
    its.map(|entry| entry["annotations"][NOTED].clone()).collect()
}

#[test]
fn w6_policies_of_a_file_weigh_and_exempt_as_it_says() {
    let cluster = cluster();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("policy.json");
    let spec = json!({
        "exemptions": {"users": ["robot"], "groups": ["keepers"]},
        "rules": {"BKP104": "Audit", "BKP105": "Warn", "BKP106": "Off"},
    });
    fs::write(&file, policy(&spec).to_string()).expect("a file");
    put(&cluster, &["--filename", &file.to_string_lossy()]);
    let refused = || (true, "BKP101".to_owned());
    let warned = || (false, "BKP105".to_owned());
    let silent = || (false, String::new());
    until("the policies are in force", MINUTE, || {
        told(&cluster, &SOMEBODY, &blank()) == refused() && told(&cluster, &SOMEBODY, &config()) == warned()
    });

    for exempt in [&ROBOT[..], &KEEPER] {
        assert_eq!(told(&cluster, exempt, &blank()), silent(), "{exempt:?}");
        assert_eq!(told(&cluster, exempt, &config()), warned(), "{exempt:?} is told like anybody");
    }
    assert_eq!(told(&cluster, &["--as=keepers", "--as-group=robot", "--as-group=system:masters"], &blank()), refused());

    // Only the audit log says that this one was let pass.
    until("it is in the audit log", MINUTE, || {
        assert_eq!(told(&cluster, &SOMEBODY, &unknown()), silent());
        let found = notes(&cluster, "unknown");
        found
            .iter()
            .filter_map(Value::as_str)
            .any(|note| note.contains("BKP104 metadata.annotations") && note.contains("pods-audit.kubectl-backup.dev"))
    });
    assert_eq!(told(&cluster, &SOMEBODY, &both()), silent());
    until("the other one is there too", MINUTE, || !notes(&cluster, "both").is_empty());
    assert!(notes(&cluster, "both").iter().all(Value::is_null), "what is off is not even noted");
}

#[test]
fn w6_policies_of_the_clusters_policy_weigh_and_exempt_as_it_says() {
    let cluster = cluster();
    let spec = json!({"exemptions": {"groups": ["keepers"]}, "rules": {"BKP101": "Warn", "BKP105": "Off"}});
    cluster.create(&policy(&spec).to_string());
    put(&cluster, &[]);
    let refused = || (true, "BKP104".to_owned());
    let warned = || (false, "BKP101".to_owned());
    until("the policies are in force", MINUTE, || {
        told(&cluster, &ROBOT, &unknown()) == refused() && told(&cluster, &ROBOT, &blank()) == warned()
    });
    assert_eq!(told(&cluster, &KEEPER, &unknown()), (false, String::new()));
    assert_eq!(told(&cluster, &KEEPER, &blank()), warned());
    assert_eq!(told(&cluster, &SOMEBODY, &config()), (false, String::new()));
}

/// How many requests about pods the webhook has answered.
fn asked_about_pods(webhook: &Webhook) -> usize {
    let address = webhook.admin_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it is sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let answered = text.lines().filter(|line| line.starts_with("backup_webhook_requests_total{"));
    let of_kind = |kind: &str| answered.clone().filter(|line| line.contains(&format!("kind=\"{kind}\""))).count();
    assert_ne!(of_kind("VolumeSnapshot"), 0, "it counts what it is asked about: {text}");
    of_kind("Pod")
}

#[test]
fn w6_policies_judge_pods_about_which_the_webhook_is_not_asked() {
    let cluster = cluster();
    put(&cluster, &["--built-in"]);
    let running = cluster.cluster();
    let address = running.host_address();
    apply_url_of(running, WITHOUT_PODS, &format!("https://{address}:9443")).unwrap_or_else(|error| panic!("{error:?}"));
    let program = PathBuf::from(env::var_os("KUBECTL_BACKUP_WEBHOOK").expect("run these tests with cargo xtask test"));
    let replica = Replica { name: "backup-webhook".into(), address, common_address: address, server: 0 };
    let mut webhook = replica.start(running, &program).unwrap_or_else(|error| panic!("{error:?}"));
    webhook.until_ready().unwrap_or_else(|error| panic!("{error:?}"));
    let mut snapshot = json!({
        "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": "marked", "namespace": "default", "labels": {"kubectl-backup.dev/quota-exempt": "true"}},
        "spec": {"source": {"persistentVolumeClaimName": "none"}},
    });
    until("the webhook is asked about snapshots", MINUTE, || {
        ask(&cluster, &SOMEBODY, &snapshot).stderr.contains("[BKP401]")
    });
    until("the policies are in force", MINUTE, || ask(&cluster, &SOMEBODY, &blank()).code != 0);

    let good = named("good", &json!({LIST: "data"}));
    let judged = || {
        let run = ask(&cluster, &SOMEBODY, &blank()).ends_with(1);
        drop(run.says("ValidatingAdmissionPolicy 'pods-deny.kubectl-backup.dev'").says("BKP101"));
        ask(&cluster, &SOMEBODY, &good).ok();
    };
    judged();
    assert_eq!(asked_about_pods(&webhook), 0);
    // Nor does any pod wait for it, while what is left to it does.
    webhook.stop().unwrap_or_else(|error| panic!("{error:?}"));
    judged();
    snapshot["metadata"]["labels"] = json!({});
    drop(ask(&cluster, &SOMEBODY, &snapshot).ends_with(1).says("failed calling webhook"));
    ask(&cluster, &VELERO, &snapshot).ok();
}
