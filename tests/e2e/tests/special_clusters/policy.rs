//! The BackupPolicy of a cluster: what it changes, and how fast.

use std::{
    env,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use e2e_tests::{Claim, Person, Run, Shared, TestCluster, Turn, until};
use serde_json::{Value, json};
use test_cluster::{
    Options,
    webhook::{POLICY_GRACE, Webhook, start_process_with},
};

/// How soon a change must be seen, also on a busy machine. The aim is a second.
const SOON: Duration = Duration::from_secs(60);
/// How soon a policy that was deleted is given up, with the time for which the webhook keeps one that is missing.
const GONE: Duration = Duration::from_secs(150);
/// For how long that is where something must happen before it is over.
const LONG: &str = "60s";
/// A refusal of a schedule beyond the limit.
const FULL: &str = "cluster quota schedules";

/// One cluster for all tests of this file, one test at a time: there is one policy.
static CLUSTER: Shared<Guarded> = Shared::new(Guarded::start, |spoiled| spoiled.cluster.down());

struct Guarded {
    cluster: TestCluster,
    webhook: Option<Webhook>,
    /// For how long the webhook keeps a policy that is missing.
    grace: &'static str,
}

impl Guarded {
    fn start(which: u32) -> Self {
        let options = Options { name: format!("policy-{which}-{}", std::process::id()), ..Options::default() };
        let mut guarded = Self { cluster: TestCluster::own(&options), webhook: None, grace: POLICY_GRACE };
        guarded.start_webhook();
        guarded
    }

    #[allow(clippy::disallowed_methods, reason = "a test is an edge")]
    fn start_webhook(&mut self) {
        let program = env::var_os("KUBECTL_BACKUP_WEBHOOK").expect("run these tests with cargo xtask test");
        let started = start_process_with(self.cluster.cluster(), &PathBuf::from(program), self.grace);
        self.webhook = Some(started.unwrap_or_else(|error| panic!("{error:?}")));
    }

    /// Has the webhook keep a policy that is missing for so long.
    fn keep_missing_policies_for(&mut self, grace: &'static str) {
        if self.grace != grace || self.webhook.is_none() {
            self.grace = grace;
            drop(self.webhook.take());
            self.start_webhook();
        }
    }

    fn apply(&self, spec: &Value) -> Run {
        self.cluster.try_apply(&policy(spec))
    }

    fn metric(&self, name: &str) -> String {
        let url = self.webhook.as_ref().expect("it runs").admin_url().to_owned();
        let address = url.strip_prefix("http://").expect("a plain port");
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }

    /// Tries until it goes as wanted, and says how long that took.
    #[track_caller]
    fn soon(&self, what: &str, attempt: impl FnMut() -> Run, wanted: impl Fn(&Run) -> bool) -> Duration {
        self.within(SOON, what, attempt, wanted)
    }

    #[track_caller]
    fn within(
        &self,
        limit: Duration,
        what: &str,
        mut attempt: impl FnMut() -> Run,
        wanted: impl Fn(&Run) -> bool,
    ) -> Duration {
        let started = Instant::now();
        loop {
            let run = attempt();
            if wanted(&run) {
                return started.elapsed();
            }
            assert!(started.elapsed() < limit, "{what}: not after {limit:?}: {run:?}; {}", self.told());
        }
    }

    /// The last that the webhook wrote into its log about policies.
    fn told(&self) -> String {
        let log = std::fs::read_to_string(self.webhook.as_ref().expect("it runs").log()).expect("a log");
        let lines: Vec<_> = log.lines().filter(|line| line.contains("policy")).collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// What the webhook says to a pod that lists a volume it does not have.
    fn odd_pod(&self) -> Run {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "odd", "namespace": "default",
            "annotations": {"backup.velero.io/backup-volumes": "nope"}},
            "spec": {"containers": [{"name": "c", "image": "none"}]}});
        self.cluster.try_kubectl_with(&["create", "--dry-run=server", "-f", "-"], &pod.to_string())
    }

    fn schedule(&self, name: &str, more: &[&str]) -> Run {
        let schedule = json!({
            "apiVersion": "velero.io/v1", "kind": "Schedule", "metadata": {"name": name, "namespace": "velero"},
            "spec": {"schedule": "0 3 1 1 *", "template": {"includedNamespaces": ["none"]}},
        });
        self.cluster.try_kubectl_with(&[&["create", "-f", "-"], more].concat(), &schedule.to_string())
    }

    fn ready(&self) -> Value {
        let object: Value =
            serde_json::from_str(&self.cluster.kubectl(&["get", "backuppolicy", "default", "-o", "json"]))
                .expect("an object");
        object["status"]["conditions"][0].clone()
    }
}

fn policy(spec: &Value) -> String {
    json!({"apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"}, "spec": spec})
        .to_string()
}

fn limit(limit: u32) -> Value {
    json!({"quotas": [
        {"resource": "schedules.velero.io", "limit": limit},
        {"resource": "volumesnapshots.snapshot.storage.k8s.io", "limit": 10},
    ]})
}

fn cluster() -> Turn<'static, Guarded> {
    let mut guarded = CLUSTER.take();
    guarded.keep_missing_policies_for(POLICY_GRACE);
    guarded.cluster.kubectl(&["delete", "backuppolicies", "--all"]);
    guarded.cluster.kubectl(&["delete", "schedules.velero.io", "--all", "-n", "velero"]);
    let pods = || guarded.odd_pod();
    guarded.within(GONE, "no policy", pods, |run| run.stderr.contains("BKP104") && run.code != 0);
    let schedules = || guarded.schedule("x", &["--dry-run=server"]);
    guarded.within(GONE, "the built-in limit", schedules, |run| run.code == 0);
    guarded
}

#[test]
fn w7_limits_change_live_and_a_deleted_policy_leaves_the_built_in_ones() {
    let guarded = cluster();
    guarded.apply(&limit(1)).ok();
    guarded.schedule("a", &[]).ok();
    let refused = guarded.soon(
        "a lower limit",
        || guarded.schedule("b", &["--dry-run=server"]),
        |run| run.stderr.contains("cluster quota schedules: 1/1 used"),
    );
    guarded.apply(&limit(2)).ok();
    let admitted = guarded.soon("a higher limit", || guarded.schedule("b", &[]), |run| run.code == 0);
    guarded.apply(&limit(0)).ok();
    guarded.soon(
        "no schedules at all",
        || guarded.schedule("c", &["--dry-run=server"]),
        |run| run.stderr.contains("2/0 used"),
    );
    // What exists is not touched.
    assert_eq!(
        guarded.cluster.kubectl(&["get", "schedules.velero.io", "-n", "velero", "-o", "name"]).lines().count(),
        2
    );
    guarded.cluster.kubectl(&["delete", "backuppolicy", "default"]);
    let built_in = guarded.within(GONE, "the built-in limit", || guarded.schedule("c", &[]), |run| run.code == 0);
    guarded.schedule("d", &[]).ends_with(1).says("3/3 used");
    eprintln!("seen after {refused:?}, {admitted:?}, {built_in:?}");
}

#[test]
fn w7_severities_change_live() {
    let guarded = cluster();
    let set = |severity: &str| guarded.apply(&json!({"rules": {"BKP104": severity}})).ok();
    set("Warn");
    guarded.soon("Warn", || guarded.odd_pod(), |run| run.code == 0 && run.stderr.contains("Warning: BKP104"));
    set("Off");
    guarded.soon("Off", || guarded.odd_pod(), |run| run.code == 0 && !run.stderr.contains("BKP104"));
    set("Audit");
    let line = "backup_webhook_findings_total{code=\"BKP104\",severity=\"audit\"}";
    guarded.soon("Audit", || guarded.odd_pod(), |run| run.code == 0 && guarded.metric_if_any(line).is_some());
    set("Deny");
    guarded.soon("Deny", || guarded.odd_pod(), |run| run.code == 1 && run.stderr.contains("BKP104"));
}

impl Guarded {
    fn metric_if_any(&self, name: &str) -> Option<String> {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.metric(name))).ok()
    }
}

#[test]
fn w7_a_wrong_policy_is_refused_at_apply() {
    let guarded = cluster();
    // By the type's own schema …
    let create = |manifest: &str| guarded.cluster.try_create(manifest).ends_with(1);
    create(&policy(&limit(2001))).says("should be less than or equal to 2000");
    create(&policy(&json!({"defaults": {"backupTTL": "10m"}}))).says("at least 1h and at most 200 years");
    create(&policy(&json!({"exemptions": {"groups": ["system:authenticated"]}}))).says("one for everybody");
    create(&policy(&json!({"plans": [{"name": "a", "schedule": "@daily", "ttl": "2h", "lock": "3h"}]})))
        .says("lock must not exceed ttl");
    create(&policy(&limit(1)).replace("\"default\"", "\"other\"")).says("name it so");
    // … and by our rules, all mistakes at once.
    create(&policy(&json!({
        "rules": {"BKP199": "Warn"}, "plans": [{"name": "nightly", "schedule": "0 25 * * *"}],
        "quotas": [{"resource": "schedule.velero.io", "limit": 1}],
    })))
    .says("spec.rules[BKP199]: there is no such rule")
    .says("spec.plans[0].schedule: \"0 25 * * *\" is no schedule that Velero takes")
    .says("write schedules.velero.io");
    assert_eq!(guarded.cluster.kubectl(&["get", "backuppolicies", "-o", "name"]), "");
}

#[test]
fn w7_a_policy_that_cannot_be_used_keeps_the_last_good_one_also_over_a_restart() {
    let mut guarded = cluster();
    guarded.apply(&json!({"quotas": limit(1)["quotas"], "rules": {"BKP104": "Warn"}})).ok();
    guarded.cluster.wait_for("default", "backuppolicy/default", "condition=Ready", 120);
    guarded.schedule("a", &[]).ok();
    // A wrong one gets in only where nobody asks us.
    guarded.cluster.kubectl(&["delete", "validatingwebhookconfiguration", "backup-webhook"]);
    guarded.soon(
        "nobody asks",
        || guarded.apply(&json!({"quotas": limit(5)["quotas"], "rules": {"BKP199": "Warn"}})),
        |run| run.code == 0,
    );
    guarded.cluster.wait_for("default", "backuppolicy/default", "condition=Ready=False", 120);
    let ready = guarded.ready();
    assert_eq!(ready["reason"], "Invalid");
    // Who looks at what lives there finds it as well.
    let found = guarded.cluster.plugin(&["lint", "-A", "-o", "json"]).ends_with(3).stdout;
    assert!(found.contains("\"BKP503\"") && found.contains("spec.rules[BKP199]"), "{found}");
    // The plugin judges by the last good one, as the webhook does.
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default",
        "annotations": {"backup.velero.io/backup-volumes": "nowhere"}},
        "spec": {"containers": [{"name": "c", "image": "none"}]}});
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, pod.to_string()).expect("written");
    let lint = ["lint", "--live", "-f", file.path().to_str().expect("a path"), "-o", "json"];
    let judged = guarded.cluster.plugin(&lint).ok().says("its generation 1 stays in force").json();
    let found = &judged["findings"][0];
    assert_eq!((&found["code"], &found["severity"]), (&json!("BKP104"), &json!("Warn")), "{judged}");
    let policies = guarded.cluster.plugin(&["policy", "show", "--format", "vap"]).ok();
    policies.says("its generation 1 stays in force");
    let message = ready["message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("the policy cannot be used, generation 1 stays in force: spec.rules[BKP199]"),
        "{message}"
    );
    assert_eq!(guarded.metric("backup_webhook_policy_usable"), "0");
    assert_eq!(guarded.metric("backup_webhook_policy_generation_in_force"), "1");
    assert_eq!(guarded.metric("backup_webhook_policy_generation_seen"), "2");
    // One that starts now finds what was in force.
    guarded.webhook.take().expect("it runs").stop().unwrap_or_else(|error| panic!("{error:?}"));
    guarded.start_webhook();
    assert_eq!(guarded.metric("backup_webhook_policy_generation_in_force"), "1");
    guarded.schedule("b", &[]).ends_with(1).says("1/1 used");
    guarded.apply(&limit(2)).ok();
    guarded.cluster.wait_for("default", "backuppolicy/default", "condition=Ready", 120);
    guarded.schedule("b", &[]).ok();
    assert_eq!(guarded.metric("backup_webhook_policy_usable"), "1");
}

#[test]
fn w7_users_and_groups_are_exempted_by_the_policy() {
    let guarded = cluster();
    let mut spec = limit(0);
    spec["exemptions"] = json!({"users": ["planner"], "groups": ["storage-admins"]});
    spec["quotas"][0]["exempt"] = json!({"users": ["scheduler"]});
    guarded.apply(&spec).ok();
    let full =
        |more: &[&str]| guarded.schedule("x", &[&["--dry-run=server", "--as-group=system:masters"], more].concat());
    guarded.soon("the limit", || full(&["--as=nobody"]), |run| run.stderr.contains(FULL));
    // system:masters lets the API server take the request; whom quotas bind, the policy says.
    full(&["--as=planner"]).ok();
    full(&["--as=nobody", "--as-group=storage-admins"]).ok();
    full(&["--as=scheduler"]).ok();
    full(&["--as=storage-admins"]).ends_with(1).says(FULL);
    // An exempt account's snapshot is marked, as Velero's are; the exemption of one quota is none of another.
    let snapshot = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": "x", "namespace": "default"}, "spec": {"source": {"persistentVolumeClaimName": "none"}}});
    let marked = |user: &str| {
        let create = ["create", "--dry-run=server", "-o", "yaml", "--as-group=system:masters", "--as", user, "-f", "-"];
        guarded.cluster.try_kubectl_with(&create, &snapshot.to_string()).stdout.contains("quota-exempt")
    };
    assert!(marked("planner") && !marked("scheduler") && !marked("nobody"));
}

#[test]
fn w7_the_table_of_snapshot_classes_changes_live() {
    let guarded = cluster();
    let class: Value =
        serde_json::from_str(&guarded.cluster.kubectl(&["get", "volumesnapshotclass", "block-snapshot", "-o", "json"]))
            .expect("an object");
    let other = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass",
        "metadata": {"name": "policy-snapshot"}, "driver": class["driver"], "deletionPolicy": "Delete"});
    guarded.cluster.create(&other.to_string());
    guarded.cluster.create(
        &json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "disk", "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "test-block-std", "resources": {"requests": {"storage": "1Mi"}}}})
        .to_string(),
    );
    guarded.cluster.wait_for("default", "pvc/disk", "jsonpath={.status.phase}=Bound", 120);
    let snapshot = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": "x", "namespace": "default"}, "spec": {"source": {"persistentVolumeClaimName": "disk"}}});
    let class_of = || {
        guarded
            .cluster
            .try_kubectl_with(&["create", "--dry-run=server", "-o", "yaml", "-f", "-"], &snapshot.to_string())
    };
    assert!(class_of().ok().stdout.contains("volumeSnapshotClassName: block-snapshot"));
    guarded
        .apply(&json!({"snapshotClasses": [{"storageClass": "test-block-*", "snapshotClass": "policy-snapshot"}]}))
        .ok();
    guarded.soon("the table", class_of, |run| run.stdout.contains("volumeSnapshotClassName: policy-snapshot"));
    // The plugin chooses by the same table, also for who may not read it.
    let namespace = guarded.cluster.namespace("table");
    let disk = Claim::block(&namespace, "disk");
    let class_by = |run: Run| {
        let made: Value = serde_json::from_str(&run.ok().stdout).expect("an object");
        made["spec"]["volumeSnapshotClassName"].clone()
    };
    let create = ["snapshot", "create", disk.name(), "-o", "json"];
    for dry_run in ["--dry-run=client", "--dry-run=server"] {
        assert_eq!(class_by(namespace.plugin(&[&create[..], &[dry_run]].concat())), "policy-snapshot", "{dry_run}");
    }
    let person = Person::new(&namespace);
    person.may("snapshot-create");
    let _classes = person.may_in_cluster("classes");
    assert_eq!(class_by(person.runs(&[&create[..], &["--dry-run=server"]].concat())), "policy-snapshot");
    person.runs(&[&create[..3], &["--dry-run=client"]].concat()).ok().says("<cluster's choice>");
    // So does a snapshot on the way of a clone.
    let elsewhere = guarded.cluster.namespace("table-there");
    let clone = ["clone", disk.name(), "copy", "-n", namespace.name(), "--to-namespace", elsewhere.name()];
    // It is not taken meanwhile, and so not deleted again.
    let snapshotter = guarded.cluster.cluster().component("csi-snapshotter-block").expect("a component");
    snapshotter.freeze().expect("freeze");
    let cloned = guarded.cluster.plugin_held_at("volumesnapshot.snapshot.storage.k8s.io/disk-clone", &clone, || {
        let classes = ["get", "volumesnapshots", "-o", "jsonpath={.items[*].spec.volumeSnapshotClassName}"];
        assert_eq!(namespace.kubectl(&classes), "policy-snapshot");
        snapshotter.thaw().expect("thaw");
    });
    cloned.ok();
}

#[test]
fn w7_no_request_fails_while_the_policy_changes() {
    let guarded = cluster();
    let over = AtomicBool::new(false);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "fine", "namespace": "default",
        "annotations": {"backup.velero.io/backup-volumes": "data"}},
        "spec": {"containers": [{"name": "c", "image": "none", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "emptyDir": {}}]}})
    .to_string();
    let (cluster, over) = (&guarded.cluster, &over);
    let sent = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut sent = 0;
                    while !over.load(Ordering::Relaxed) {
                        cluster.try_kubectl_with(&["create", "--dry-run=server", "-f", "-"], &pod).ok();
                        sent += 1;
                    }
                    sent
                })
            })
            .collect();
        for round in 0..20 {
            let severity = ["Warn", "Deny", "Audit", "Off"][round % 4];
            guarded.apply(&json!({"rules": {"BKP104": severity}})).ok();
        }
        over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("no request failed")).sum::<u32>()
    });
    assert!(sent > 20, "{sent} requests were sent while the policy changed 20 times");
}

impl Guarded {
    /// Sends wrong pods from three clients while something is done; with `BKP104: "Off"` each of them is taken, and by the
    /// built-in values each is refused. Says how many were sent.
    fn while_pods_are_judged(&self, work: impl FnOnce()) -> usize {
        let over = AtomicBool::new(false);
        let (guarded, over) = (self, &over);
        std::thread::scope(|scope| {
            let client = || {
                let mut runs = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    runs.push(guarded.odd_pod());
                }
                runs
            };
            let clients: Vec<_> = (0..3).map(|_| scope.spawn(client)).collect();
            work();
            over.store(true, Ordering::Relaxed);
            let runs: Vec<_> = clients.into_iter().flat_map(|client| client.join().expect("it ends")).collect();
            let wrong: Vec<_> = runs.iter().filter(|run| run.code != 0).collect();
            assert!(wrong.is_empty(), "{} of {} were judged by other values: {:?}", wrong.len(), runs.len(), wrong[0]);
            runs.len()
        })
    }
}

#[test]
fn w7_a_policy_that_is_replaced_by_force_holds_all_the_time() {
    let mut guarded = cluster();
    guarded.keep_missing_policies_for(LONG);
    let off = policy(&json!({"rules": {"BKP104": "Off"}}));
    guarded.cluster.try_apply(&off).ok();
    guarded.soon("Off", || guarded.odd_pod(), |run| run.code == 0);
    let log = || std::fs::read_to_string(guarded.webhook.as_ref().expect("it runs").log()).expect("a log");
    let missed = || log().matches("the policy is not there any more").count();
    let before = missed();
    let sent = guarded.while_pods_are_judged(|| {
        for _ in 0..10 {
            guarded.cluster.try_kubectl_with(&["replace", "--force", "-f", "-"], &off).ok();
        }
    });
    assert!(sent >= 10, "{sent} pods were judged while the policy was replaced ten times");
    // It was missing in between: otherwise this shows nothing.
    assert!(missed() > before, "nobody saw it missing");
    eprintln!("{sent} pods were judged while the policy was replaced ten times");
}

#[test]
fn w7_a_policy_whose_type_is_made_anew_is_kept_until_it_is_certain_that_it_is_gone() {
    let mut guarded = cluster();
    guarded.keep_missing_policies_for(LONG);
    let off = policy(&json!({"rules": {"BKP104": "Off"}}));
    // What earlier tests led to says nothing.
    guarded.cluster.kubectl(&["delete", "events", "-n", "default", "--all"]);
    guarded.cluster.try_apply(&off).ok();
    guarded.soon("Off", || guarded.odd_pod(), |run| run.code == 0);
    let (missing, usable) = ("backup_webhook_policy_missing", "backup_webhook_policy_usable");
    assert_eq!((guarded.metric(missing).as_str(), guarded.metric(usable).as_str()), ("0", "1"));
    guarded.cluster.kubectl(&["delete", "crd", "backuppolicies.kubectl-backup.dev"]);
    // Kept at first …
    guarded.odd_pod().ok();
    until("it is seen missing", SOON, || guarded.metric(missing) == "1" && guarded.metric(usable) == "0");
    // … and then given up, once the store has said that there is none.
    guarded.within(GONE, "the built-in values", || guarded.odd_pod(), |run| run.stderr.contains("BKP104"));
    assert_eq!((guarded.metric(missing).as_str(), guarded.metric(usable).as_str()), ("0", "1"));
    until("events tell of it", SOON, || {
        let events = guarded.cluster.kubectl(&["get", "events", "-n", "default", "-o", "jsonpath={.items[*].reason}"]);
        events.contains("PolicyMissing") && events.contains("PolicyGone")
    });
    let types = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/crds");
    guarded.cluster.kubectl(&["apply", "--server-side", "-k", types]);
    guarded.cluster.kubectl(&["wait", "crd/backuppolicies.kubectl-backup.dev", "--for=condition=Established"]);
    guarded.within(GONE, "the policy is taken", || guarded.cluster.try_apply(&off), |run| run.code == 0);
    // The watch asks again at most half a minute after it failed.
    guarded.within(Duration::from_secs(90), "Off again", || guarded.odd_pod(), |run| run.code == 0);
}
