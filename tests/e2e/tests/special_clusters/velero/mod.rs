//! Velero's objects as our webhook judges them, and as Velero itself would have: W2, W4, W5, plans C11 and the deletion lock C12.

mod c11_plan;
mod c12_data;
mod c12_lock;
mod w2_exempt;
mod w5_rules;
mod w6_preflight;

use std::{env, path::PathBuf, time::Duration};

use e2e_tests::{Run, Shared, TestCluster, Turn, until};
use serde_json::{Value, json};
use test_cluster::{
    Options,
    webhook::{Webhook, start_process},
};

const VELERO: &str = "system:serviceaccount:velero:velero";

/// One cluster for the tests with a webhook, one test at a time.
static CLUSTER: Shared<Guarded> = Shared::new(Guarded::start, |spoiled| spoiled.cluster.down());

struct Guarded {
    cluster: TestCluster,
    _webhook: Webhook,
}

impl Guarded {
    #[allow(clippy::disallowed_methods, reason = "a test is an edge")]
    fn start(which: u32) -> Self {
        let cluster = own(&format!("velero-{which}"));
        let program = env::var_os("KUBECTL_BACKUP_WEBHOOK").expect("run these tests with cargo xtask test");
        let webhook = start_process(cluster.cluster(), &PathBuf::from(program));
        Self { cluster, _webhook: webhook.unwrap_or_else(|error| panic!("{error:?}")) }
    }

    /// What the API server says to a new object that nobody keeps.
    fn asked(&self, object: &Value) -> Run {
        self.cluster.try_kubectl_with(&["create", "--dry-run=server", "-f", "-"], &object.to_string())
    }
}

fn own(name: &str) -> TestCluster {
    TestCluster::own(&Options { name: format!("{name}-{}", std::process::id()), ..Options::default() })
}

fn cluster() -> Turn<'static, Guarded> {
    CLUSTER.take()
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    let metadata = json!({"name": name, "namespace": "velero"});
    let mut object = json!({"apiVersion": "velero.io/v1", "kind": kind, "metadata": metadata});
    object["spec"] = spec;
    object
}

/// A backup of little, which is done in a moment.
fn backup(name: &str, more: Value) -> Value {
    let mut backup = object("Backup", name, more);
    backup["spec"]["includedNamespaces"] = json!(["default"]);
    backup
}

fn schedule(name: &str, cron: &str, template: Value) -> Value {
    let mut schedule = object("Schedule", name, json!({"schedule": cron}));
    schedule["spec"]["template"] = template;
    schedule["spec"]["template"]["includedNamespaces"] = json!(["default"]);
    schedule
}

fn locked(mut object: Value, annotation: &str, value: &str) -> Value {
    object["metadata"]["annotations"] = json!({format!("kubectl-backup.dev/{annotation}"): value});
    object
}

/// Waits for what Velero makes of a schedule: it looks once a minute.
fn first_backup_of(cluster: &TestCluster, schedule: &str) -> String {
    let label = format!("velero.io/schedule-name={schedule}");
    let list = ["get", "backups.velero.io", "-n", "velero", "-l", &label, "-o", "jsonpath={.items[0].metadata.name}"];
    let mut name = String::new();
    until("Velero makes a backup of the schedule", Duration::from_secs(240), || {
        let found = cluster.try_kubectl(&list);
        if found.code == 0 {
            name = found.stdout;
        }
        !name.is_empty()
    });
    name
}

impl Guarded {
    /// As many snapshots as the quota lets anybody have.
    fn fill_snapshots(&self, namespace: &str) {
        for n in 1..=10 {
            self.cluster.create(&snapshot(namespace, &format!("s{n}"), &json!({})).to_string());
        }
        self.cluster.try_create(&snapshot(namespace, "s11", &json!({})).to_string()).ends_with(1).says("10/10 used");
    }

    /// Takes the policy away for the next test: one that is gone stays in force for a while.
    fn forget_policy(&self, in_force: impl Fn() -> bool) {
        self.cluster.kubectl(&["delete", "backuppolicy", "default"]);
        until("the policy is given up", Duration::from_secs(120), || !in_force());
    }

    fn done(&self, object: &str) {
        self.cluster.wait_for("velero", object, "jsonpath={.status.phase}=Completed", 180);
    }
}

fn snapshot(namespace: &str, name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"source": {"persistentVolumeClaimName": "disk"}},
    })
}
