//! A steady stream of creates that our webhook is asked about, while something happens to the webhook: most are stored
//! nowhere, so that there may be many; some are stored, so that the quota's ledger is written.

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
/// Snapshots that are stored at a time. They are gone before the next are created, so that the limit of ten leaves room for
/// those that somebody else has.
const STORED: usize = 3;
/// How many creates are asked about for one that must be stored meanwhile.
const ASKED_PER_STORED: usize = 20;

/// Creates by several clients, until this is stopped.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    stored: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
    started: Instant,
    adopted: Box<dyn Fn() -> String + Send>,
    adopted_before: String,
}

/// What became of them.
#[derive(Debug)]
pub struct Outcome {
    /// Creates that got the answer that they should, and were stored nowhere.
    pub answered: usize,
    /// Creates that were stored, each in a slot of the quota.
    pub stored: usize,
    /// What kubectl said of the others.
    pub failures: Vec<String>,
    /// Events that tell of objects which nobody had claimed.
    pub adopted: Vec<String>,
    /// How long it went on.
    pub took: Duration,
}

impl Traffic {
    /// Starts as many clients that create in the namespace `default` with `--dry-run=server`, and one whose snapshots are
    /// stored there and deleted.
    pub fn start(cluster: &TestCluster, clients: usize) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let stored = Arc::<AtomicUsize>::default();
        let manifest = manifest().to_string();
        let mut clients: Vec<_> = (0..clients)
            .map(|_| {
                let (stop, answered, manifest) = (Arc::clone(&stop), Arc::clone(&answered), manifest.clone());
                let kubectl = cluster.kubectl_again(&["create", "--dry-run=server", "--validate=false", "-f", "-"]);
                thread::spawn(move || {
                    let mut failures = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let run = Run::of(kubectl(), Some(&manifest));
                        answered.fetch_add(run.stdout.matches("created (server dry run)").count(), Ordering::Relaxed);
                        // The wrong pod shows that the webhook is asked at all.
                        let wrong = run.stderr.lines().filter(|line| line.contains("BKP101")).count();
                        answered.fetch_add(wrong, Ordering::Relaxed);
                        failures.extend(failures_in(&run));
                    }
                    failures
                })
            })
            .collect();
        clients.push(store(cluster, &stop, &stored));
        let events = cluster.kubectl_again(&[
            "get",
            "events",
            "--all-namespaces",
            "--field-selector=reason=QuotaAdopted",
            "--output=jsonpath={range .items[*]}{.metadata.uid} {.regarding.name}{.involvedObject.name}{\"\\n\"}{end}",
        ]);
        let adopted = Box::new(move || Run::of(events(), None).ok().stdout);
        let adopted_before = adopted();
        let traffic = Self { stop, answered, stored, clients, started: Instant::now(), adopted, adopted_before };
        traffic.wait_for(2 * (PODS + SNAPSHOTS));
        traffic
    }

    /// Waits until so many more creates were answered, and some were stored.
    pub fn wait_for(&self, more: usize) {
        let grows = |count: &AtomicUsize, by: usize| {
            let enough = count.load(Ordering::Relaxed) + by;
            move |count: &AtomicUsize| count.load(Ordering::Relaxed) >= enough
        };
        let answered = grows(&self.answered, more);
        let stored = grows(&self.stored, more.div_ceil(ASKED_PER_STORED));
        let both = || answered(&self.answered) && stored(&self.stored);
        until("so many creates are answered", Duration::from_secs(120), both);
    }

    /// Stops the clients.
    pub fn stop(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let failures = self.clients.into_iter().flat_map(|client| client.join().expect("a client ends")).collect();
        let (answered, stored) = (self.answered.load(Ordering::Relaxed), self.stored.load(Ordering::Relaxed));
        let adopted = (self.adopted)();
        let before: Vec<_> = self.adopted_before.lines().collect();
        let adopted = adopted.lines().filter(|event| !before.contains(event)).map(str::to_owned).collect();
        Outcome { answered, stored, failures, adopted, took: self.started.elapsed() }
    }
}

impl Outcome {
    /// Panics when one create failed, or one passed the webhook by.
    #[track_caller]
    pub fn none_failed(&self, during: &str) {
        self.tell(during, "failed");
        assert!(self.failures.is_empty(), "{during}: {:#?}", self.failures);
        self.none_adopted(during);
    }

    /// Panics when more than `most` creates failed, or one for another reason than that its connection broke.
    #[track_caller]
    pub fn only_cut_off(&self, during: &str, most: usize) {
        self.tell(during, "cut off");
        // Refused is who calls before the dead one's address is taken out of the Service.
        let signs = ["connection reset by peer", ": EOF", "connect: connection refused"];
        let broke = |failure: &String| signs.iter().any(|sign| failure.contains(sign));
        assert!(self.failures.len() <= most && self.failures.iter().all(broke), "{during}: {:#?}", self.failures);
        self.none_adopted(during);
    }

    #[track_caller]
    fn none_adopted(&self, during: &str) {
        assert!(self.adopted.is_empty(), "{during}: nobody had claimed {:#?}", self.adopted);
    }

    fn tell(&self, during: &str, what: &str) {
        let (answered, stored, failures) = (self.answered, self.stored, self.failures.len());
        eprintln!("{during}: {answered} creates and {stored} that were stored in {:.1?}, {failures} {what}", self.took);
    }
}

/// A client whose snapshots take slots and give them back.
fn store(cluster: &TestCluster, stop: &Arc<AtomicBool>, stored: &Arc<AtomicUsize>) -> JoinHandle<Vec<String>> {
    let (stop, stored) = (Arc::clone(stop), Arc::clone(stored));
    let items: Vec<_> =
        (0..STORED).map(|n| snapshot(&json!({"name": format!("stored-{n}"), "namespace": "default"}))).collect();
    let manifest = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let create = cluster.kubectl_again(&["create", "--validate=false", "-f", "-"]);
    // One whose create was cut off is not there.
    let delete = cluster.kubectl_again(&["delete", "--ignore-not-found", "-f", "-"]);
    thread::spawn(move || {
        let mut failures = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let run = Run::of(create(), Some(&manifest));
            stored.fetch_add(run.stdout.matches(" created").count(), Ordering::Relaxed);
            failures.extend(failures_in(&run));
            failures.extend(failures_in(&Run::of(delete(), Some(&manifest))));
        }
        failures
    })
}

/// What kubectl says but warnings, and the refusal that is wanted.
fn failures_in(run: &Run) -> Vec<String> {
    let lines = run.stderr.lines().filter(|line| !line.trim().is_empty());
    lines.filter(|line| !line.contains("BKP101") && !line.starts_with("Warning:")).map(str::to_owned).collect()
}

fn snapshot(metadata: &Value) -> Value {
    json!({
        "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": metadata,
        "spec": {"volumeSnapshotClassName": "none", "source": {"persistentVolumeClaimName": "none"}},
    })
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
    let snapshots = (0..SNAPSHOTS).map(|_| snapshot(&json!({"generateName": "traffic-", "namespace": "default"})));
    json!({"apiVersion": "v1", "kind": "List", "items": pods.chain(snapshots).collect::<Vec<_>>()})
}
