//! A quota is exact only while API servers ask: what the webhook makes of a time in which they did not, and of others that keep
//! them from being seen to ask.

use std::time::Duration;

use e2e_tests::until;
use serde_json::{Value, json};

use super::{
    quota::wait_for_slots,
    webhook::{Guarded, cluster},
};

const CONFIGURATION: &str = "validatingwebhookconfiguration/backup-webhook";
const SNAPSHOTS: &str = "quotaledger/volumesnapshots.snapshot.storage.k8s.io";
const SCHEDULES: &str = "quotaledger/schedules.velero.io";
/// A look at whether API servers ask, which comes twice a minute, and what a new ledger takes.
const SET_UP: Duration = Duration::from_secs(180);

fn read(guarded: &Guarded, object: &str, path: &str) -> String {
    guarded.cluster.try_kubectl(&["get", object, "-o", &format!("jsonpath={path}")]).stdout
}

/// Waits until the ledger says that it became ready by the configuration that is there now.
pub fn wait_for_ledger_of_now(guarded: &Guarded) {
    let uid = read(guarded, CONFIGURATION, "{.metadata.uid}");
    let now = format!("Ready {uid}");
    for ledger in [SNAPSHOTS, SCHEDULES] {
        until(&format!("{ledger} is of the configuration that is there"), SET_UP, || {
            read(guarded, ledger, "{.status.phase} {.status.askedBy}") == now
        });
    }
}

#[test]
fn w1_what_passed_while_nobody_was_asked_and_no_webhook_ran_is_counted_before_anything_is_decided() {
    let mut guarded = cluster();
    wait_for_slots(&guarded, 0);
    wait_for_ledger_of_now(&guarded);
    let before = read(&guarded, SNAPSHOTS, "{.metadata.uid}");
    guarded.webhook.take().expect("it runs").stop().unwrap_or_else(|error| panic!("{error:?}"));
    guarded.cluster.kubectl(&["delete", CONFIGURATION]);
    for n in 1..=9 {
        until("nobody asks", Duration::from_secs(30), || guarded.snapshot(&format!("unasked-{n}"), "disk").code == 0);
    }

    // The same configuration again, as far as anybody can see.
    guarded.start_webhook();
    assert_ne!(read(&guarded, SNAPSHOTS, "{.metadata.uid}"), before, "a ledger from before misses what was made");
    wait_for_ledger_of_now(&guarded);
    wait_for_slots(&guarded, 9);
    guarded.snapshot("tenth", "disk").ok();
    guarded.snapshot("eleventh", "disk").ends_with(1).says("10/10 used");
}

/// How often a new ledger's wait for the creates from before has begun.
fn begun(guarded: &Guarded) -> usize {
    let log = std::fs::read_to_string(guarded.webhook.as_ref().expect("it runs").log()).expect("a log");
    let of_snapshots = |line: &&str| line.contains("the ledger is new") && line.contains("volumesnapshots.");
    log.lines().filter(of_snapshots).count()
}

#[test]
fn w1_a_ledger_that_is_made_while_nobody_asks_is_not_taken_for_whole_before_they_do() {
    let guarded = cluster();
    wait_for_slots(&guarded, 0);
    wait_for_ledger_of_now(&guarded);
    let mut configuration: Value =
        serde_json::from_str(&guarded.cluster.kubectl(&["get", CONFIGURATION, "-o", "json"])).expect("an object");
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
        configuration["metadata"].as_object_mut().expect("metadata").remove(field);
    }
    let log = || std::fs::read_to_string(guarded.webhook.as_ref().expect("it runs").log()).expect("a log");
    let noticed = || log().matches("asks this webhook no more").count();
    let before = noticed();
    guarded.cluster.kubectl(&["delete", CONFIGURATION]);
    // Of both limits.
    until("that nobody asks is noticed", SET_UP, || noticed() >= before + 2);
    let (waits, first) = (begun(&guarded), read(&guarded, SNAPSHOTS, "{.metadata.uid}"));
    guarded.cluster.kubectl(&["delete", SNAPSHOTS]);
    until("a ledger is made", SET_UP, || {
        ![String::new(), first.clone()].contains(&read(&guarded, SNAPSHOTS, "{.metadata.uid}"))
    });
    for n in 1..=9 {
        guarded.snapshot(&format!("unasked-{n}"), "disk").ok();
    }
    assert_eq!(begun(&guarded), waits, "its wait would end while creates still pass");
    guarded.cluster.create(&configuration.to_string());
    wait_for_ledger_of_now(&guarded);
    assert!(begun(&guarded) > waits);
    wait_for_slots(&guarded, 9);
    guarded.snapshot("tenth", "disk").ok();
    guarded.snapshot("eleventh", "disk").ends_with(1).says("10/10 used");
}

/// A policy that wants a label of every Schedule, in these namespaces.
fn policy_of_others(selector: &Value) -> [String; 2] {
    let labelled = "has(object.metadata.labels) && 'team' in object.metadata.labels";
    let rules = json!({"resourceRules": [{"apiGroups": ["velero.io"], "apiVersions": ["*"], "resources": ["schedules"], "operations": ["CREATE"]}]});
    [
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "teams.example.org"},
            "spec": {"matchConstraints": rules, "validations": [{"expression": labelled, "message": "label it with its team"}]}})
        .to_string(),
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "teams.example.org"},
            "spec": {"policyName": "teams.example.org", "validationActions": ["Deny"], "matchResources": {"namespaceSelector": selector}}})
        .to_string(),
    ]
}

#[test]
fn w1_who_refuses_the_proof_that_api_servers_ask_is_named_with_the_way_out() {
    let guarded = cluster();
    wait_for_ledger_of_now(&guarded);
    let _removed = Removed(&guarded);
    // Its status tells how the limits stand.
    let own = json!({"apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"}, "spec": {}});
    guarded.cluster.create(&own.to_string());
    for object in policy_of_others(&json!({})) {
        guarded.cluster.create(&object);
    }
    let state = |guarded: &Guarded| guarded.cluster.plugin(&["quota"]);
    let mut told = String::new();
    until("it is told that the proof is refused", SET_UP, || {
        told = state(&guarded).stderr;
        told.contains("teams.example.org")
    });
    assert!(told.contains("label it with its team"), "{told}");
    assert!(told.contains("leave the namespace kubectl-backup-system out of that policy or webhook"), "{told}");
    // As it says.
    let others = json!({"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kubectl-backup-system"]}]});
    let [_, binding] = policy_of_others(&others);
    guarded.cluster.try_apply(&binding).ok();
    until("the limit is kept again", SET_UP, || !state(&guarded).stderr.contains("teams.example.org"));
}

/// Takes both policies away, also when the test fails: the next ones need the cluster.
struct Removed<'a>(&'a Guarded);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let all = "validatingadmissionpolicybinding/teams.example.org,validatingadmissionpolicy/teams.example.org,backuppolicy/default";
        for one in all.split(',') {
            self.0.cluster.try_kubectl(&["delete", one, "--ignore-not-found"]);
        }
    }
}
