//! What people are told of a full quota, and of what was created while nobody was asked.

use std::time::Duration;

use e2e_tests::until;
use serde_json::Value;
use test_cluster::webhook::{apply_url, until_asked};

use super::{
    quota::wait_for_slots,
    w1_configuration::wait_for_ledger_of_now,
    webhook::{Guarded, cluster, snapshot},
};

const SOON: Duration = Duration::from_secs(60);

fn fill(guarded: &Guarded) {
    wait_for_slots(guarded, 0);
    for n in 1..=10 {
        guarded.snapshot(&format!("s{n}"), "disk").ok();
    }
}

/// The events of a namespace with this reason.
fn events(guarded: &Guarded, namespace: &str, reason: &str) -> Vec<Value> {
    let selector = format!("reason={reason}");
    let list =
        guarded.cluster.kubectl(&["get", "events", "-n", namespace, "--field-selector", &selector, "-o", "json"]);
    let list: Value = serde_json::from_str(&list).expect("a list");
    list["items"].as_array().cloned().unwrap_or_default()
}

#[test]
fn w9_a_refusal_is_told_as_an_event_once_in_each_namespace() {
    let guarded = cluster();
    fill(&guarded);
    let create = |namespace: &str, more: &[&str]| {
        let mut object = snapshot("late", "disk");
        object["metadata"]["namespace"] = namespace.into();
        let run = guarded.cluster.try_create_with(more, &object.to_string()).ends_with(1);
        drop(run.says("cluster quota volumesnapshots: 10/10 used"));
    };
    for namespace in [guarded.cluster.namespace("refused"), guarded.cluster.namespace("refused")] {
        let name = namespace.name();
        // Nothing may be left of a dry run, not even an event.
        create(name, &["--dry-run=server"]);
        // Events follow each other at some distance, so that one right after another namespace's may be left out.
        until("an event tells of the refusal", SOON, || {
            create(name, &[]);
            !events(&guarded, name, "QuotaExceeded").is_empty()
        });
        for _ in 0..3 {
            create(name, &[]);
        }
        let told = events(&guarded, name, "QuotaExceeded");
        assert_eq!(told.len(), 1, "who asks again and again makes no more of them: {told:#?}");
        let (event, about) = (&told[0], &told[0]["involvedObject"]);
        assert_eq!((&event["type"], &event["reportingComponent"]), (&"Warning".into(), &"backup-webhook".into()));
        assert_eq!((&about["kind"], &about["name"]), (&"VolumeSnapshot".into(), &"late".into()));
        assert_eq!(about["namespace"], name);
        let message = event["message"].as_str().unwrap_or_default();
        assert!(message.contains("10/10 used") && message.contains("kubectl backup snapshot delete"), "{message}");
        assert_eq!(event["count"].as_u64().unwrap_or(1), 1, "{event}");
    }
}

#[test]
fn w9_what_a_rule_refuses_is_told_as_an_event() {
    let guarded = cluster();
    let denied = guarded.cluster.namespace("denied");
    let mut object = snapshot("marked", "disk");
    object["metadata"]["namespace"] = denied.name().into();
    object["metadata"]["labels"] = serde_json::json!({"kubectl-backup.dev/quota-exempt": "true"});
    let create = |more: &[&str]| guarded.cluster.try_create_with(more, &object.to_string()).ends_with(1);
    drop(create(&["--dry-run=server"]).says("BKP401"));
    assert!(events(&guarded, denied.name(), "RuleDenied").is_empty());
    until("an event tells of the refusal", SOON, || {
        drop(create(&[]));
        !events(&guarded, denied.name(), "RuleDenied").is_empty()
    });
    let told = events(&guarded, denied.name(), "RuleDenied");
    assert!(told[0]["message"].as_str().is_some_and(|message| message.contains("BKP401")), "{told:#?}");
    assert_eq!(told[0]["involvedObject"]["name"], "marked");
}

#[test]
fn w1_what_was_created_while_nobody_was_asked_is_adopted_beyond_the_limit() {
    let guarded = cluster();
    fill(&guarded);
    guarded.cluster.kubectl(&["delete", "validatingwebhookconfiguration", "backup-webhook"]);
    until("nobody asks", SOON, || guarded.snapshot("unasked", "disk").code == 0);
    until("its adoption is told", SOON, || {
        let told = events(&guarded, "default", "QuotaAdopted");
        told.iter().any(|event| event["involvedObject"]["name"] == "unasked")
    });
    wait_for_slots(&guarded, 11);
    let shown = guarded.cluster.plugin(&["quota"]).ok();
    assert!(shown.stdout.contains("unasked"), "{}", shown.stdout);
    shown.says("the limits are not enforced");
    // Whoever takes a configuration away and puts it back gains the objects of that time and nothing more.
    let address = guarded.cluster.cluster().host_address();
    apply_url(guarded.cluster.cluster(), &format!("https://{address}:9443"))
        .unwrap_or_else(|error| panic!("{error:?}"));
    until_asked(guarded.cluster.cluster()).unwrap_or_else(|error| panic!("{error:?}"));
    guarded.snapshot("late", "disk").ends_with(1).says("cluster quota volumesnapshots: 11/10 used");
    guarded.cluster.kubectl(&["delete", "volumesnapshot", "s1", "-n", "default"]);
    guarded.snapshot("late", "disk").ends_with(1).says("10/10 used");
    guarded.cluster.kubectl(&["delete", "volumesnapshot", "s2", "-n", "default"]);
    guarded.snapshot("late", "disk").ok();
    // What was created then and is still under way is waited for.
    wait_for_ledger_of_now(&guarded);
}
