//! The webhook in the cluster, and what is done to it.

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use e2e_tests::{TestCluster, Traffic, until};
use serde_json::json;

/// For what takes a cluster a while.
pub const TWO_MINUTES: Duration = Duration::from_secs(120);
pub const NAMESPACE: &str = "kubectl-backup-system";
/// So many connections at once hardly all lead to the same of three replicas.
const MORE_CLIENTS: usize = 10;
pub const DEPLOYMENT: &str = "deployment/backup-webhook";

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The cluster, for one test at a time.
pub struct System {
    pub cluster: TestCluster,
    _turn: MutexGuard<'static, ()>,
}

impl System {
    /// Waits for its turn, and for three replicas. What a test before it left, because it failed, is taken back.
    pub fn take() -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let system = Self { cluster: TestCluster::node(), _turn: turn };
        let cluster = &system.cluster;
        system.kubectl(&["scale", DEPLOYMENT, "--replicas=3"]);
        let arguments = system.kubectl(&["get", DEPLOYMENT, "-o", "jsonpath={.spec.template.spec.containers[0].args}"]);
        if arguments.contains("--clock-offset") {
            system.set_arguments(&[]);
        }
        system.all_ready();
        cluster.kubectl(&["delete", "backuppolicy", "default", "--ignore-not-found"]);
        cluster.kubectl(&["delete", "pvc", "counted", "-n", "default", "--ignore-not-found", "--wait=false"]);
        system.until_claims_are_unlimited();
        cluster.plugin(&["policy", "grant"]).ok();
        system
    }

    /// Waits until the limit of PVCs that the installation's test sets has ended: it stays in force for a while.
    #[track_caller]
    pub fn until_claims_are_unlimited(&self) {
        let ledger = ["get", "quotaledger/persistentvolumeclaims", "-o", "name", "--ignore-not-found"];
        until("the limit of PVCs has ended", TWO_MINUTES, || self.cluster.kubectl(&ledger).is_empty());
    }

    /// kubectl in the webhook's namespace.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.cluster.kubectl(&[&["-n", NAMESPACE], args].concat())
    }

    /// Waits until as many replicas as there should be are ready and no other is left.
    #[track_caller]
    pub fn all_ready(&self) {
        self.kubectl(&["rollout", "status", DEPLOYMENT, "--timeout=180s"]);
    }

    /// Replaces every replica, one after another.
    #[track_caller]
    pub fn restart(&self) {
        self.kubectl(&["rollout", "restart", DEPLOYMENT]);
        self.all_ready();
    }

    /// Runs the replicas with these arguments.
    #[track_caller]
    pub fn set_arguments(&self, args: &[&str]) {
        let patch = json!([{"op": "add", "path": "/spec/template/spec/containers/0/args", "value": args}]).to_string();
        self.kubectl(&["patch", DEPLOYMENT, "--type=json", "-p", &patch]);
        self.all_ready();
    }

    /// A field of the Secret that keeps the certificates.
    pub fn in_secret(&self, field: &str) -> String {
        let path = format!("jsonpath={{.data.{}}}", field.replace('.', "\\."));
        self.kubectl(&["get", "secret", "backup-webhook-tls", "-o", &path])
    }

    /// How many claims each replica has handed to the one that writes the ledger of snapshots, and were decided there.
    #[track_caller]
    pub fn handed(&self) -> BTreeMap<String, u64> {
        let pods = self.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].metadata.name}"]);
        let counted = |pod: &str| {
            let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8080/proxy/metrics");
            // One of an earlier rollout may just be gone.
            let told = self.cluster.try_kubectl(&["get", "--raw", &path]);
            let of_snapshots = told.stdout.lines().filter(|line| {
                line.starts_with("backup_webhook_quota_handed_claims_total{")
                    && line.contains("volumesnapshots")
                    && line.contains("outcome=\"decided")
            });
            of_snapshots.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
        };
        pods.split_whitespace().map(|pod| (pod.to_owned(), counted(pod))).collect()
    }

    /// Waits until some replica has handed over claims since: one does while another writes, so API servers must ask several.
    #[track_caller]
    pub fn handed_since(&self, before: &BTreeMap<String, u64>) {
        let mut traffic = Traffic::start(&self.cluster, 1);
        traffic.widen(&self.cluster, MORE_CLIENTS);
        let more = |(pod, count): (&String, &u64)| *count > before.get(pod).copied().unwrap_or_default();
        until("a claim is handed over", TWO_MINUTES, || self.handed().iter().any(more));
        // What became of so many is no matter here.
        traffic.stop();
    }

    /// The kernel ends a replica's process, without a word to it. Its pod and its number of restarts so far.
    #[track_caller]
    pub fn kill_one(&self) -> String {
        let pods = self.kubectl(&[
            "get",
            "pods",
            "-o",
            "jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.metadata.deletionTimestamp}{\"\\n\"}{end}",
        ]);
        // One of an earlier rollout may still be on its way out.
        let staying = pods.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, uid] => Some((name, uid)),
            _ => None,
        });
        let (name, uid) = staying.expect("a pod");
        let pid = process_of(uid).unwrap_or_else(|| panic!("no process of {name}"));
        let killed = Command::new("/bin/kill").args(["-KILL", &pid]).status().expect("kill");
        assert!(killed.success());
        name.to_owned()
    }
}

/// The webhook's process in the pod with that UID: the control groups of a pod's processes are named after it.
fn process_of(uid: &str) -> Option<String> {
    let underscored = uid.replace('-', "_");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let groups = fs::read_to_string(entry.path().join("cgroup")).ok()?;
        let command = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let its = groups.contains(uid) || groups.contains(&underscored);
        (its && command.contains("backup-webhook")).then(|| entry.file_name().to_string_lossy().into_owned())
    })
}
