//! A steady stream of creates that our webhook is asked about, while something happens to the webhook: most are stored
//! nowhere, so that there may be many; some are stored, so that the quota's ledger is written.
//!
//! kubectl tries again when it is told 429, or 5xx with Retry-After. So what it says is not all: the API server counts each answer of a
//! webhook, also those of replicas that have ended since, and each failed call that it passed over.

use std::{
    collections::BTreeMap,
    iter,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{Claim, Run, TestCluster, until};

/// Pods in one call of kubectl; the last one is wrong.
const PODS: usize = 20;
/// Snapshots in one call; one more has no class.
const SNAPSHOTS: usize = 5;
/// Snapshots in one call of a client that only keeps a connection busy: kubectl's start takes longer than a few of them.
const ASKED_AT_ONCE: usize = 100;
/// Snapshots that are stored at a time: fewer than a namespace's share of creates under way, so that nobody is told to wait for them.
/// They are gone before the next are created, so that the limit of ten leaves room for those that somebody else has.
const STORED: usize = 2;
/// What the snapshot without a class is called and of, and the class that it must get. The webhook is asked for it by an entry with
/// failure policy Ignore: a call that failed shows nowhere else.
const UNCLASSED: &str = "unclassed-";
const CLAIM: &str = "traffic";
const CLASS: &str = "files-snapshot";
/// How many creates are asked about for one that must be stored meanwhile.
const ASKED_PER_STORED: usize = 20;

/// Creates by several clients, until this is stopped or goes away, as it does when a test fails.
pub struct Traffic {
    stop: Stop,
    answered: Arc<AtomicUsize>,
    stored: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<Failure>>>,
    started: Instant,
    adopted: Box<dyn Fn() -> String + Send>,
    adopted_before: String,
    counted: Box<dyn Fn() -> BTreeMap<String, f64> + Send>,
    counted_before: BTreeMap<String, f64>,
}

/// Lets the clients end, at the latest when it goes away.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A create that did not go as it should.
#[derive(Debug)]
pub struct Failure {
    /// What kubectl said.
    pub said: String,
    from: Instant,
    until: Instant,
}

/// What became of them.
#[derive(Debug)]
pub struct Outcome {
    /// Creates that got the answer that they should, and were stored nowhere.
    pub answered: usize,
    /// Creates that were stored, each in a slot of the quota.
    pub stored: usize,
    /// The others.
    pub failures: Vec<Failure>,
    /// What the API server counted of our webhook's answers, beside those that are wanted: refusals, and calls that failed.
    pub refused: Vec<String>,
    /// Events that tell of objects which nobody had claimed.
    pub adopted: Vec<String>,
    /// How long it went on.
    pub took: Duration,
}

impl Traffic {
    /// Starts as many clients that create in the namespace `default` with `--dry-run=server`, and one whose snapshots are
    /// stored there and deleted.
    pub fn start(cluster: &TestCluster, clients: usize) -> Self {
        let stop = Stop::default();
        let (answered, stored) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        // It stays: the next traffic finds it.
        cluster.try_apply(&Claim::manifest("default", CLAIM, "test-files-std")).ok();
        cluster.wait_for("default", &format!("pvc/{CLAIM}"), "jsonpath={.status.phase}=Bound", 60);
        let manifest = manifest();
        let asking = || ask(cluster, &stop.0, &answered, &manifest);
        let mut clients: Vec<_> = iter::repeat_with(asking).take(clients).collect();
        clients.push(store(cluster, &stop.0, &stored));
        let events = cluster.kubectl_again(&[
            "get",
            "events",
            "--all-namespaces",
            "--field-selector=reason=QuotaAdopted",
            "--output=jsonpath={range .items[*]}{.metadata.uid} {.regarding.name}{.involvedObject.name}{\"\\n\"}{end}",
        ]);
        let adopted = Box::new(move || Run::of(events(), None).ok().stdout);
        let adopted_before = adopted();
        let metrics = cluster.kubectl_again(&["get", "--raw", "/metrics"]);
        let counted = Box::new(move || refusals(&Run::of(metrics(), None).ok().stdout));
        let counted_before = counted();
        let started = Instant::now();
        let traffic =
            Self { stop, answered, stored, clients, started, adopted, adopted_before, counted, counted_before };
        traffic.wait_for(2 * (PODS + SNAPSHOTS));
        traffic
    }

    /// Lets that many more clients ask about snapshots. An API server keeps a connection for each call of a webhook's entry that it
    /// has under way, and a connection stays with its replica: few of them may all lead to the same one.
    pub fn widen(&mut self, cluster: &TestCluster, clients: usize) {
        let manifest = list(&snapshots(ASKED_AT_ONCE));
        let asking = || ask(cluster, &self.stop.0, &self.answered, &manifest);
        self.clients.extend(iter::repeat_with(asking).take(clients));
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
        drop(self.stop);
        let failures = self.clients.into_iter().flat_map(|client| client.join().expect("a client ends")).collect();
        let (answered, stored) = (self.answered.load(Ordering::Relaxed), self.stored.load(Ordering::Relaxed));
        let adopted = (self.adopted)();
        let before: Vec<_> = self.adopted_before.lines().collect();
        let adopted = adopted.lines().filter(|event| !before.contains(event)).map(str::to_owned).collect();
        let more = |(series, count): (String, f64)| {
            let more = count - self.counted_before.get(&series).copied().unwrap_or_default();
            (more > 0.0).then(|| format!("{series} {more}"))
        };
        let refused = (self.counted)().into_iter().filter_map(more).collect();
        Outcome { answered, stored, failures, refused, adopted, took: self.started.elapsed() }
    }
}

impl Outcome {
    /// Panics when one create failed, was refused at first, was not filled in, or passed the webhook by.
    #[track_caller]
    pub fn none_failed(&self, during: &str) {
        self.tell(during, "failed");
        assert!(self.failures.is_empty(), "{during}: {:#?}", self.failures);
        assert!(self.refused.is_empty(), "{during}: the API server counted {:#?}", self.refused);
        self.none_adopted(during);
    }

    /// Panics when one create failed for another reason than that its connection broke, or at another time than these, or the webhook
    /// refused one.
    #[track_caller]
    pub fn only_cut_off(&self, during: &str, times: &[(Instant, Instant)]) {
        self.tell(during, "cut off");
        // Refused is who calls before the dead one's address is taken out of the Service. What was to be filled in is left as it is.
        let signs = [
            "connection reset by peer",
            "broken pipe",
            "EOF",
            "server closed idle connection",
            "connect: connection refused",
            UNCLASSED,
        ];
        for failure in &self.failures {
            let broke = signs.iter().any(|sign| failure.said.contains(sign));
            let then = times.iter().any(|(from, until)| *from <= failure.until && failure.from <= *until);
            assert!(broke && then, "{during}: {failure:?}, and the times are {times:?}");
        }
        let own = |series: &&String| series.contains("error_type=\"no_error\"");
        let own: Vec<_> = self.refused.iter().filter(own).collect();
        assert!(own.is_empty(), "{during}: the webhook refused {own:#?}");
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

/// A client whose creates are stored nowhere.
fn ask(
    cluster: &TestCluster,
    stop: &Arc<AtomicBool>,
    answered: &Arc<AtomicUsize>,
    manifest: &str,
) -> JoinHandle<Vec<Failure>> {
    let (stop, answered, manifest) = (Arc::clone(stop), Arc::clone(answered), manifest.to_owned());
    let told = "--output=jsonpath={.metadata.generateName} {.spec.volumeSnapshotClassName}{\"\\n\"}";
    let kubectl = cluster.kubectl_again(&["create", "--dry-run=server", "--validate=false", told, "-f", "-"]);
    thread::spawn(move || {
        let mut failures = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let from = Instant::now();
            let run = Run::of(kubectl(), Some(&manifest));
            let lost = run.stdout.lines().filter(|line| is_unclassed(line)).map(str::to_owned);
            let lost: Vec<_> = lost.collect();
            answered.fetch_add(run.stdout.lines().count() - lost.len(), Ordering::Relaxed);
            // The wrong pod shows that the webhook is asked at all.
            let wrong = run.stderr.lines().filter(|line| line.contains("BKP101")).count();
            answered.fetch_add(wrong, Ordering::Relaxed);
            failures.extend(failed(from, lost.into_iter().chain(failures_in(&run))));
        }
        failures
    })
}

/// A client whose snapshots take slots and give them back.
fn store(cluster: &TestCluster, stop: &Arc<AtomicBool>, stored: &Arc<AtomicUsize>) -> JoinHandle<Vec<Failure>> {
    let (stop, stored) = (Arc::clone(stop), Arc::clone(stored));
    let items: Vec<_> =
        (0..STORED).map(|n| snapshot(&json!({"name": format!("stored-{n}"), "namespace": "default"}))).collect();
    let manifest = list(&items);
    let create = cluster.kubectl_again(&["create", "--validate=false", "-f", "-"]);
    // One whose create was cut off is not there.
    let delete = cluster.kubectl_again(&["delete", "--ignore-not-found", "-f", "-"]);
    thread::spawn(move || {
        let mut failures = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let from = Instant::now();
            let run = Run::of(create(), Some(&manifest));
            stored.fetch_add(run.stdout.matches(" created").count(), Ordering::Relaxed);
            let deleted = Run::of(delete(), Some(&manifest));
            failures.extend(failed(from, failures_in(&run).into_iter().chain(failures_in(&deleted))));
        }
        failures
    })
}

fn failed(from: Instant, said: impl Iterator<Item = String>) -> impl Iterator<Item = Failure> {
    let until = Instant::now();
    said.map(move |said| Failure { said, from, until })
}

/// Whether this is said of a snapshot that should have got a class.
fn is_unclassed(line: &str) -> bool {
    line.strip_prefix(UNCLASSED).is_some_and(|class| class.trim() != CLASS)
}

/// What the API server has counted of our webhook: refusals, but the one of the wrong pod (422), and failed calls, also where
/// it went on without.
fn refusals(metrics: &str) -> BTreeMap<String, f64> {
    const COUNTED: [&str; 2] =
        ["apiserver_admission_webhook_rejection_count{", "apiserver_admission_webhook_fail_open_count{"];
    let ours = metrics.lines().filter(|line| COUNTED.iter().any(|counted| line.starts_with(counted)));
    let ours = ours.filter(|line| line.contains(".kubectl-backup.dev\"") && !line.contains("rejection_code=\"422\""));
    let read =
        |line: &str| line.rsplit_once(' ').and_then(|(series, count)| Some((series.to_owned(), count.parse().ok()?)));
    ours.filter_map(read).collect()
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

fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn snapshots(count: usize) -> Vec<Value> {
    (0..count).map(|_| snapshot(&json!({"generateName": "traffic-", "namespace": "default"}))).collect()
}

fn manifest() -> String {
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
    let mut unclassed = snapshot(&json!({"generateName": UNCLASSED, "namespace": "default"}));
    unclassed["spec"] = json!({"source": {"persistentVolumeClaimName": CLAIM}});
    let items: Vec<_> = pods.chain(snapshots(SNAPSHOTS)).chain([unclassed]).collect();
    list(&items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_end_when_nobody_stops_them() {
        let stop = Stop::default();
        let client = Arc::clone(&stop.0);
        assert!(!client.load(Ordering::Relaxed));
        drop(stop);
        assert!(client.load(Ordering::Relaxed));
    }

    #[test]
    fn refusals_and_calls_that_were_passed_over_are_counted_and_the_wanted_refusal_is_not() {
        let metrics = r#"# TYPE apiserver_admission_webhook_rejection_count counter
apiserver_admission_webhook_rejection_count{error_type="no_error",name="quota.kubectl-backup.dev",operation="CREATE",rejection_code="429",type="validating"} 3
apiserver_admission_webhook_rejection_count{error_type="no_error",name="volumes.kubectl-backup.dev",operation="CREATE",rejection_code="422",type="validating"} 90
apiserver_admission_webhook_rejection_count{error_type="no_error",name="other.example.org",operation="CREATE",rejection_code="429",type="validating"} 7
apiserver_admission_webhook_fail_open_count{name="defaults.kubectl-backup.dev",type="admit"} 2
apiserver_admission_webhook_request_total{code="200",name="quota.kubectl-backup.dev"} 5
"#;
        let counts: Vec<_> = refusals(metrics).into_values().collect();
        assert_eq!(counts, [2.0, 3.0]);
    }

    #[test]
    fn a_snapshot_that_was_not_filled_in_is_seen() {
        assert!(is_unclassed("unclassed- ") && is_unclassed("unclassed-"));
        assert!(
            !is_unclassed("unclassed- files-snapshot") && !is_unclassed("traffic- none") && !is_unclassed("traffic- ")
        );
    }
}
