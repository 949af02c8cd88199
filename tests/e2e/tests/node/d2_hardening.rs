//! D2: what the installed webhook may do, and what keeps it there. That a network keeps to the NetworkPolicy cannot be shown here: the test
//! cluster's pods hang on a plain bridge, which enforces none.

use std::{collections::BTreeSet, fs, time::Duration};

use e2e_tests::{TestCluster, until};
use serde_json::{Value, json};

const SYSTEM: &str = "kubectl-backup-system";
const NAME: &str = "app.kubernetes.io/name=backup-webhook";

fn read(cluster: &TestCluster, args: &[&str]) -> Value {
    let text = cluster.kubectl(&[&["get", "-n", SYSTEM, "-o", "json"], args].concat());
    serde_json::from_str(&text).expect("JSON")
}

/// The three pods, once there are no others.
fn pods(cluster: &TestCluster) -> Vec<Value> {
    cluster.kubectl(&["rollout", "status", "-n", SYSTEM, "deployment/backup-webhook", "--timeout=120s"]);
    let pods = read(cluster, &["pods", "-l", NAME]);
    let staying =
        pods["items"].as_array().expect("pods").iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let staying: Vec<_> = staying.cloned().collect();
    assert_eq!(staying.len(), 3);
    staying
}

/// Panics unless these labels are some, and the pod has them all.
#[track_caller]
fn selects(labels: &Value, pod: &Value) {
    let labels = labels.as_object().filter(|labels| !labels.is_empty()).expect("labels");
    for (name, value) in labels {
        assert_eq!(pod["metadata"]["labels"][name], *value, "{name}");
    }
}

#[test]
fn d2_the_pods_run_without_root_capabilities_or_a_place_to_write() {
    let cluster = TestCluster::node();
    for pod in pods(&cluster) {
        let spec = &pod["spec"];
        let [container] = spec["containers"].as_array().expect("containers").as_slice() else { panic!("{spec}") };
        assert_eq!(spec["initContainers"], Value::Null);
        let own = &container["securityContext"];
        let of_either = |field: &str| if own[field].is_null() { &spec["securityContext"][field] } else { &own[field] };
        assert_eq!(of_either("runAsNonRoot"), &json!(true));
        assert_eq!(of_either("seccompProfile"), &json!({"type": "RuntimeDefault"}));
        assert_eq!(own["readOnlyRootFilesystem"], json!(true));
        assert_eq!(own["allowPrivilegeEscalation"], json!(false));
        assert_eq!(own["capabilities"], json!({"drop": ["ALL"]}));
        for shared in ["hostNetwork", "hostPID", "hostIPC"] {
            assert_eq!(spec[shared], Value::Null, "{shared}");
        }

        // What the kernel makes of it.
        let (status, mounts) = process_of(pod["metadata"]["uid"].as_str().expect("a UID")).expect("its process");
        let of_status = |field: &str| -> Vec<&str> {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_else(|| panic!("{status}"));
            line.split_whitespace().collect()
        };
        assert_eq!(of_status("Uid:"), ["65532"; 4]);
        for set in ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(of_status(set), ["0000000000000000"], "{set}");
        }
        assert_eq!(of_status("NoNewPrivs:"), ["1"]);
        assert_eq!(of_status("Seccomp:"), ["2"], "a filter");
        // The last that was mounted there counts: its place is the fifth field, its options the sixth.
        let root = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).rfind(|fields| fields[4] == "/");
        let root = root.expect("a root");
        assert!(root[5].split(',').any(|option| option == "ro"), "{root:?}");
    }
}

/// What the kernel says of the webhook's process in the pod with that UID: its status and its mounts. The control groups of a pod's
/// processes are named after it.
fn process_of(uid: &str) -> Option<(String, String)> {
    let underscored = uid.replace('-', "_");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let text = |file: &str| fs::read_to_string(entry.path().join(file)).ok();
        let groups = text("cgroup")?;
        let its = groups.contains(uid) || groups.contains(&underscored);
        (its && text("cmdline")?.contains("backup-webhook")).then(|| Some((text("status")?, text("mountinfo")?)))?
    })
}

#[test]
fn d2_the_pods_are_spread_and_not_the_first_to_go_and_one_at_a_time_may() {
    let cluster = TestCluster::node();
    let pods = pods(&cluster);
    for pod in &pods {
        let spec = &pod["spec"];
        assert_eq!(spec["priorityClassName"], "system-cluster-critical");
        assert_eq!(spec["priority"], 2_000_000_000);
        let spread = spec["topologySpreadConstraints"].as_array().expect("constraints");
        let over_nodes = spread.iter().find(|one| one["topologyKey"] == "kubernetes.io/hostname").expect("over nodes");
        assert_eq!(over_nodes["maxSkew"], 1);
        selects(&over_nodes["labelSelector"]["matchLabels"], pod);
    }
    // Its status: how many pods it found, and how many of them may be disturbed now.
    cluster.wait_for(SYSTEM, "pdb/backup-webhook", "jsonpath={.status.disruptionsAllowed}=1", 120);
    let budget = read(&cluster, &["pdb", "backup-webhook"]);
    assert_eq!((&budget["status"]["expectedPods"], &budget["status"]["desiredHealthy"]), (&json!(3), &json!(2)));
    assert_eq!(budget["spec"]["maxUnavailable"], 1);
    pods.iter().for_each(|pod| selects(&budget["spec"]["selector"]["matchLabels"], pod));
    // An eviction that is only tried is judged by it too.
    let name = pods[0]["metadata"]["name"].as_str().expect("a name");
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": SYSTEM},
        "deleteOptions": {"dryRun": ["All"]}});
    let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{name}/eviction");
    // A probe that is answered late takes one out for a moment, and then none may go.
    until("one may be evicted", Duration::from_secs(60), || {
        let run = cluster.try_kubectl_with(&["create", "--raw", &path, "-f", "-"], &eviction.to_string());
        assert!(run.code == 0 || run.stderr.contains("disruption budget"), "{}", run.stderr);
        run.code == 0
    });
}

#[test]
fn d2_the_network_policy_selects_the_pods_and_opens_their_two_ports_only() {
    let cluster = TestCluster::node();
    let policies = read(&cluster, &["networkpolicies"]);
    // Policies add up: a further one would open more.
    let [policy] = policies["items"].as_array().expect("policies").as_slice() else { panic!("{policies}") };
    let spec = &policy["spec"];
    assert_eq!(spec["policyTypes"], json!(["Ingress"]));
    let pods = pods(&cluster);
    for pod in &pods {
        selects(&spec["podSelector"]["matchLabels"], pod);
        let ports = pod["spec"]["containers"][0]["ports"].as_array().expect("ports");
        let ports: BTreeSet<_> =
            ports.iter().map(|port| (port["name"].as_str(), port["containerPort"].as_u64())).collect();
        assert_eq!(ports, BTreeSet::from([(Some("https"), Some(9443)), (Some("admin"), Some(8080))]));
    }
    let mut opened = BTreeSet::new();
    for rule in spec["ingress"].as_array().expect("rules") {
        // Without ports a rule opens all of them.
        let ports = rule["ports"].as_array().filter(|ports| !ports.is_empty()).expect("ports");
        for port in ports {
            assert_eq!((&port["endPort"], &port["protocol"]), (&Value::Null, &json!("TCP")));
            let port = port["port"].as_str().expect("a name");
            opened.insert(port);
            let from = rule["from"].as_array().map_or(&[][..], Vec::as_slice);
            let scrapers =
                json!({"namespaceSelector": {"matchLabels": {"kubectl-backup.dev/scrapes-metrics": "true"}}});
            assert!(port != "admin" || from == [scrapers], "{rule}");
        }
    }
    assert_eq!(opened, BTreeSet::from(["https", "admin"]));
}

/// Else its own pods, and those of the control plane, could not come back while it is down.
#[test]
fn d2_pods_of_the_webhooks_own_namespace_are_not_asked_about() {
    let cluster = TestCluster::node();
    let tried = |namespace: &str| {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "wrong", "namespace": namespace, "annotations": {"backup.velero.io/backup-volumes": "a, b"}},
            "spec": {
                "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{"name": "c", "image": "none",
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
            },
        });
        cluster.try_create_with(&["--dry-run=server"], &pod.to_string())
    };
    tried("default").ends_with(1).says("BKP101");
    for excluded in [SYSTEM, "kube-system"] {
        let run = tried(excluded).ok();
        assert!(!run.stderr.contains("BKP"), "{excluded}: {}", run.stderr);
    }
}
