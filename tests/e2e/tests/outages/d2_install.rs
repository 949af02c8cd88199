//! D2: the plugin installs the webhook as pods, and returns when every limit of the policy is kept.

use e2e_tests::until;
use serde_json::{Value, json};

use crate::system::{DEPLOYMENT, NAMESPACE, System, TWO_MINUTES};

const TYPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/crds");
const CLAIMS: &str = "persistentvolumeclaims";

#[test]
fn d2_an_installation_returns_when_every_limit_of_the_policy_is_counted() {
    let system = System::take();
    let cluster = &system.cluster;
    // With the types the ledgers go, so that all of them are set up anew.
    cluster.plugin(&["policy", "uninstall", "--yes", "--crds"]).ok();
    cluster.kubectl(&["wait", "namespace", NAMESPACE, "--for=delete", "--timeout=120s"]);
    cluster.kubectl(&["apply", "--server-side", "-k", TYPES]);
    cluster.kubectl(&["wait", "crd/backuppolicies.kubectl-backup.dev", "--for=condition=Established"]);
    let quotas = json!([
        {"resource": "volumesnapshots.snapshot.storage.k8s.io", "limit": 10},
        {"resource": "schedules.velero.io", "limit": 3},
        {"resource": CLAIMS, "limit": 500},
        {"resource": "widgets.example.org", "limit": 1},
    ]);
    let policy = json!({"apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"quotas": quotas}});
    cluster.create(&policy.to_string());

    let run = cluster.plugin(&["policy", "install", "--yes"]).ok();
    eprintln!("installed in {:.1?}", run.took);
    let run = run.says("persistentvolumeclaims is counted from now on").says("The webhook is installed");
    assert!(run.stdout.contains("backup-webhook-quotas"), "{}", run.stdout);
    // All were ready at once. A probe that is answered late takes one out again for a moment.
    let rolled_out = r#"jsonpath={.status.conditions[?(@.type=="Progressing")].reason}"#;
    assert_eq!(system.kubectl(&["get", DEPLOYMENT, "-o", rolled_out]), "NewReplicaSetAvailable");
    cluster.wait_for(NAMESPACE, DEPLOYMENT, "jsonpath={.status.readyReplicas}=3", 120);
    for resource in ["volumesnapshots.snapshot.storage.k8s.io", "schedules.velero.io", CLAIMS] {
        let ledger = format!("quotaledger/{resource}");
        assert_eq!(cluster.kubectl(&["get", &ledger, "-o", "jsonpath={.status.phase}"]), "Ready", "{resource}");
    }
    // The first create is decided and not put off.
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "counted", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Mi"}}}});
    let took = cluster.try_create(&claim.to_string()).ok().took;
    assert!(took.as_secs() < 50, "being put off takes longer: {took:?}");
    let shown = cluster.plugin(&["quota"]).ok();
    assert!(
        shown.stdout.contains(CLAIMS) && !shown.stderr.contains("the limit of persistentvolumeclaims"),
        "{shown:?}"
    );
    // The webhook's flags are read from its Deployment, and somebody answers.
    let shown = cluster.plugin(&["policy", "show"]).ok();
    assert!(shown.stdout.contains("quotas[persistentvolumeclaims].limit"), "{}", shown.stdout);
    assert_eq!(shown.stderr, "");
    until("its condition says so too", TWO_MINUTES, || {
        let policy = cluster.kubectl(&["get", "backuppolicy", "default", "-o", "json"]);
        let policy: Value = serde_json::from_str(&policy).expect("a policy");
        let quotas = policy["status"]["quotas"].as_array().cloned().unwrap_or_default();
        quotas.iter().any(|quota| quota["resource"] == CLAIMS && quota["state"] == "Kept")
    });

    // Back to what the other tests begin with.
    cluster.kubectl(&["delete", "pvc", "counted", "-n", "default", "--wait=false"]);
    cluster.kubectl(&["delete", "backuppolicy", "default"]);
    // It stays in force for a while: what nobody is asked about meanwhile would be adopted.
    system.until_claims_are_unlimited();
    cluster.plugin(&["policy", "grant"]).ok();
    assert_eq!(cluster.kubectl(&["get", "validatingwebhookconfigurations", "-o", "name"]).lines().count(), 1);
}
