//! A steady stream of creates that our webhook is asked about, while something happens to the webhook.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{Run, TestCluster, until};

/// Pods in one call of kubectl; the last one is wrong.
const PODS: usize = 20;
/// Snapshots in one call.
const SNAPSHOTS: usize = 5;

/// Creates that are asked about and stored nowhere, by several clients, until this is stopped.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
    started: Instant,
}

/// What became of them.
#[derive(Debug)]
pub struct Outcome {
    /// Creates that got the answer that they should.
    pub answered: usize,
    /// What kubectl said of the others.
    pub failures: Vec<String>,
    /// How long it went on.
    pub took: Duration,
}

impl Traffic {
    /// Starts as many clients. They create in the namespace `default`, with `--dry-run=server`.
    pub fn start(cluster: &TestCluster, clients: usize) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let manifest = manifest().to_string();
        let clients = (0..clients).map(|_| {
            let (stop, answered, manifest) = (Arc::clone(&stop), Arc::clone(&answered), manifest.clone());
            let kubectl = cluster.kubectl_again(&["create", "--dry-run=server", "--validate=false", "-f", "-"]);
            thread::spawn(move || {
                let mut failures = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let run = Run::of(kubectl(), Some(&manifest));
                    answered.fetch_add(run.stdout.matches("created (server dry run)").count(), Ordering::Relaxed);
                    for line in run.stderr.lines().filter(|line| !line.trim().is_empty()) {
                        // The wrong pod shows that the webhook is asked at all.
                        if line.contains("BKP101") {
                            answered.fetch_add(1, Ordering::Relaxed);
                        } else if !line.starts_with("Warning:") {
                            failures.push(line.to_owned());
                        }
                    }
                }
                failures
            })
        });
        let clients = clients.collect();
        let traffic = Self { stop, answered, clients, started: Instant::now() };
        traffic.wait_for(2 * (PODS + SNAPSHOTS));
        traffic
    }

    /// Waits until so many more creates were answered.
    pub fn wait_for(&self, more: usize) {
        let from = self.answered.load(Ordering::Relaxed);
        let answered = || self.answered.load(Ordering::Relaxed) >= from + more;
        until("so many creates are answered", Duration::from_secs(120), answered);
    }

    /// Stops the clients.
    pub fn stop(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let failures = self.clients.into_iter().flat_map(|client| client.join().expect("a client ends")).collect();
        Outcome { answered: self.answered.load(Ordering::Relaxed), failures, took: self.started.elapsed() }
    }
}

impl Outcome {
    /// Panics when one create failed.
    #[track_caller]
    pub fn none_failed(&self, during: &str) {
        eprintln!("{during}: {} creates in {:.1?}, {} failed", self.answered, self.took, self.failures.len());
        assert!(self.failures.is_empty(), "{during}: {:#?}", self.failures);
    }
}

impl Outcome {
    /// Panics when more than `most` creates failed, or one for another reason than that its connection broke.
    #[track_caller]
    pub fn only_cut_off(&self, during: &str, most: usize) {
        eprintln!("{during}: {} creates in {:.1?}, {} cut off", self.answered, self.took, self.failures.len());
        let broke = |failure: &String| failure.contains("connection reset by peer") || failure.contains(": EOF");
        assert!(self.failures.len() <= most && self.failures.iter().all(broke), "{during}: {:#?}", self.failures);
    }
}

fn manifest() -> Value {
    let pods = (0..PODS).map(|n| {
        let volumes = if n + 1 == PODS { "data, logs" } else { "data" };
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"generateName": "traffic-", "namespace": "default",
                "annotations": {"backup.velero.io/backup-volumes": volumes}},
            "spec": {"containers": [{"name": "c", "image": "none", "volumeMounts": [
                    {"name": "data", "mountPath": "/data"}, {"name": "logs", "mountPath": "/logs"},
                ]}],
                "volumes": [{"name": "data", "emptyDir": {}}, {"name": "logs", "emptyDir": {}}]},
        })
    });
    let snapshots = (0..SNAPSHOTS).map(|_| {
        json!({
            "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
            "metadata": {"generateName": "traffic-", "namespace": "default"},
            "spec": {"volumeSnapshotClassName": "none", "source": {"persistentVolumeClaimName": "none"}},
        })
    });
    json!({"apiVersion": "v1", "kind": "List", "items": pods.chain(snapshots).collect::<Vec<_>>()})
}
