//! The exact quota, as clients meet it. What races and faults do to it is shown by `cargo xtask stress quota`.

use std::{
    thread,
    time::{Duration, Instant},
};

use e2e_tests::{Run, until};
use serde_json::{Value, json};

use super::webhook::{Guarded, cluster, snapshot};

const LEDGER: &str = "quotaledger/volumesnapshots.snapshot.storage.k8s.io";

fn ledger(guarded: &Guarded, path: &str) -> String {
    guarded.cluster.kubectl(&["get", LEDGER, "-o", &format!("jsonpath={path}")])
}

pub fn wait_for_slots(guarded: &Guarded, used: usize) {
    let used = format!("--for=jsonpath={{.status.used}}={used}");
    guarded.cluster.kubectl(&["wait", LEDGER, &used, "--timeout=90s"]);
    guarded.cluster.kubectl(&["wait", LEDGER, "--for=jsonpath={.status.pending}=0", "--timeout=90s"]);
}

fn alive(guarded: &Guarded) -> usize {
    guarded.cluster.kubectl(&["get", "volumesnapshots", "--all-namespaces", "-o", "name"]).lines().count()
}

/// Forty creates by eight clients at once: by name, by generated name and by server-side apply.
fn forty_at_once(guarded: &Guarded, namespace: &str, object: impl Fn(&Value) -> Value + Sync) -> Vec<Run> {
    let create = |n: usize| {
        let named = object(&json!({"name": format!("at-once-{n}"), "namespace": namespace})).to_string();
        match n % 3 {
            0 => guarded.cluster.try_create(&named),
            1 => {
                let metadata = json!({"generateName": "at-once-", "namespace": namespace});
                guarded.cluster.try_create(&object(&metadata).to_string())
            }
            _ => guarded.cluster.try_kubectl_with(&["apply", "--server-side", "-f", "-"], &named),
        }
    };
    thread::scope(|scope| {
        let create = &create;
        let clients: Vec<_> = (0..8)
            .map(|client| scope.spawn(move || (0..5).map(|n| create(8 * n + client)).collect::<Vec<_>>()))
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    })
}

/// Nothing was deleted meanwhile, so that what is alive now is the most that ever was.
fn filled(runs: &[Run], alive: usize, limit: usize, quota: &str) {
    assert_eq!(alive, limit);
    assert_eq!(runs.iter().filter(|run| run.code == 0).count(), limit);
    for run in runs.iter().filter(|run| run.code != 0) {
        assert!(run.stderr.contains(&format!("cluster quota {quota}: ")), "{}", run.stderr);
    }
}

#[test]
fn w1_forty_creates_at_once_by_name_generated_name_and_apply_fill_ten_slots() {
    let guarded = cluster();
    wait_for_slots(&guarded, 0);
    let runs = forty_at_once(&guarded, "default", |metadata| {
        let mut object = snapshot("", "disk");
        object["metadata"] = metadata.clone();
        object
    });
    filled(&runs, alive(&guarded), 10, "volumesnapshots");
    wait_for_slots(&guarded, 10);
}

#[test]
fn c10_forty_schedules_at_once_fill_three_slots_and_a_freed_one_is_usable_at_once() {
    let guarded = cluster();
    let template = json!({"includedNamespaces": ["none"]});
    let schedule = |metadata: &Value| {
        json!({"apiVersion": "velero.io/v1", "kind": "Schedule", "metadata": metadata,
            "spec": {"schedule": "0 3 1 1 *", "template": template}})
    };
    let runs = forty_at_once(&guarded, "velero", schedule);
    let names = guarded.cluster.kubectl(&["get", "schedules.velero.io", "--all-namespaces", "-o", "name"]);
    filled(&runs, names.lines().count(), 3, "schedules");
    let next = schedule(&json!({"name": "next", "namespace": "velero"})).to_string();
    guarded.cluster.try_create(&next).ends_with(1).says("3/3 used");
    guarded.cluster.kubectl(&["delete", names.lines().next().expect("a name"), "-n", "velero"]);
    guarded.cluster.try_create(&next).ok();
}

/// What is shown is what counts, and the command that it names frees a slot.
#[test]
fn h10_a_full_quota_shows_its_ten_holders_and_the_command_that_frees_a_slot() {
    let guarded = cluster();
    wait_for_slots(&guarded, 0);
    for n in 1..=10 {
        guarded.snapshot(&format!("s{n}"), "disk").ok();
    }
    let ready = "--for=jsonpath={.status.readyToUse}=true";
    guarded.cluster.kubectl(&["wait", "volumesnapshots", "--all", "-n", "default", ready, "--timeout=60s"]);
    wait_for_slots(&guarded, 10);
    let limits = || {
        let shown = guarded.cluster.plugin(&["quota"]).ok();
        let line = shown.stdout.lines().find(|line| line.starts_with("volumesnapshots ")).expect("the limit's line");
        (line.split_whitespace().skip(1).take(3).map(str::to_owned).collect::<Vec<_>>(), shown)
    };
    let (used_limit_free, shown) = limits();
    assert_eq!(used_limit_free, ["10", "10", "0"]);
    for n in 1..=10 {
        let holder = format!("volumesnapshots default s{n} pvc/disk live");
        let lines = shown.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(lines.filter(|line| line.starts_with(&holder)).count(), 1, "{holder}: {}", shown.stdout);
    }
    let command = shown.stderr.lines().find_map(|line| line.trim().strip_prefix("kubectl backup "));
    let command = command.expect("a command").split('#').next().expect("a command").split_whitespace();
    guarded.cluster.plugin(&command.chain(["--yes"]).collect::<Vec<_>>()).ok();
    wait_for_slots(&guarded, 9);
    assert_eq!(limits().0, ["9", "10", "1"]);
    guarded.snapshot("s11", "disk").ok();
}

#[test]
fn w1_a_taken_name_and_a_dry_run_take_no_slot() {
    let guarded = cluster();
    wait_for_slots(&guarded, 0);
    guarded.snapshot("one", "disk").ok();
    for _ in 0..6 {
        guarded.snapshot("one", "disk").ends_with(1).says("AlreadyExists");
    }
    let dry = ["create", "--dry-run=server", "-f", "-"];
    guarded.cluster.try_kubectl_with(&dry, &snapshot("dry", "disk").to_string()).ok();
    wait_for_slots(&guarded, 1);
    assert!(!ledger(&guarded, "{.status.slots}").contains("dry"));
    let shown = guarded.cluster.plugin(&["quota"]).ok().stdout;
    assert!(shown.contains("ready") && shown.contains("one") && shown.contains("live"), "{shown}");
    let told = guarded.cluster.plugin(&["quota", "-o", "json"]).ok().json();
    assert_eq!((&told["quotas"][0]["ledger"], &told["quotas"][0]["used"]), (&json!("ready"), &json!(1)));
}

/// Whatever is refused after the webhook was asked holds its slot until it is known that nothing comes of it. An API server asks
/// a ResourceQuota last of all.
#[test]
fn w1_creates_of_one_namespace_that_come_to_nothing_leave_slots_to_the_others() {
    let guarded = cluster();
    wait_for_slots(&guarded, 0);
    let flooded = guarded.cluster.namespace("flooded");
    let count = "count/volumesnapshots.snapshot.storage.k8s.io";
    flooded.kubectl(&["create", "quota", "nothing", &format!("--hard={count}=0")]);
    let known = "--for=jsonpath={.status.hard}";
    flooded.kubectl(&["wait", "resourcequota/nothing", known, "--timeout=60s"]);
    let flood = |n: usize| {
        let mut object = snapshot(&format!("flood-{n}"), "disk");
        object["metadata"]["namespace"] = json!(flooded.name());
        let mallory = ["--as=mallory", "--as-group=system:masters"];
        guarded.cluster.try_create_with(&mallory, &object.to_string()).ends_with(1)
    };
    let under_way = format!("3 creates of namespace {} are under way, and no more than 3 may be", flooded.name());
    let fourth = |first: usize| {
        let begun = Instant::now();
        for n in first..first + 3 {
            flood(n).says("exceeded quota: nothing");
        }
        // kubectl comes back ten times, as it is told, which takes most of the time for which the first holds its slot.
        let run = flood(first + 3);
        let is_told = run.stderr.contains(&under_way);
        assert!(is_told || begun.elapsed() > Duration::from_secs(40), "after {:?}: {}", begun.elapsed(), run.stderr);
        is_told
    };
    // On a machine that is too slow for it, once more.
    let told = fourth(1) || {
        wait_for_slots(&guarded, 0);
        fourth(5)
    };
    assert!(told, "twice the first was over before kubectl gave up");
    for n in 1..=7 {
        guarded.snapshot(&format!("s{n}"), "disk").ok();
    }
    assert_eq!(alive(&guarded), 7);
    // Theirs are free again after a while.
    wait_for_slots(&guarded, 7);
}

#[test]
fn w1_a_lowered_limit_refuses_new_ones_and_touches_nothing() {
    let guarded = cluster();
    wait_for_slots(&guarded, 0);
    for n in 1..=3 {
        guarded.snapshot(&format!("s{n}"), "disk").ok();
    }
    let policy: Value = json!({
        "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"quotas": [{"resource": "volumesnapshots.snapshot.storage.k8s.io", "limit": 2}]},
    });
    guarded.cluster.create(&policy.to_string());
    guarded.cluster.wait_for("default", "backuppolicy/default", "jsonpath={.status.observedGeneration}=1", 120);
    guarded.snapshot("s4", "disk").ends_with(1).says("3/2 used");
    assert_eq!(alive(&guarded), 3);
    guarded.cluster.kubectl(&["delete", "backuppolicy", "default"]);
    wait_for_slots(&guarded, 3);
    // A policy that is gone stays in force for a while.
    let dry = ["create", "--dry-run=server", "-f", "-"];
    let room = || guarded.cluster.try_kubectl_with(&dry, &snapshot("dry", "disk").to_string()).code == 0;
    until("the built-in limit", Duration::from_secs(60), room);
}

#[test]
fn w1_a_deleted_ledger_is_set_up_again_and_never_lets_one_too_many_in() {
    let guarded = cluster();
    wait_for_slots(&guarded, 0);
    for n in 1..=10 {
        guarded.snapshot(&format!("s{n}"), "disk").ok();
    }
    guarded
        .cluster
        .try_kubectl(&["patch", LEDGER, "--subresource=status", "--type=merge", "-p", r#"{"status":{"slots":null}}"#])
        .ends_with(1)
        .says("only the backup webhook writes quota ledgers");
    guarded.cluster.kubectl(&["delete", LEDGER]);
    // kubectl comes back as it is told, until the ledger is ready again.
    guarded.snapshot("s11", "disk").ends_with(1).says("10/10 used");
    assert_eq!(alive(&guarded), 10);
    wait_for_slots(&guarded, 10);
}
