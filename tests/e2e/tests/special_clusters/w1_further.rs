//! Quotas on resources that the manifests do not name: exact, released, adopted; and said when they are not kept.

use std::{thread, time::Duration};

use e2e_tests::{Run, until};
use serde_json::{Value, json};

use super::webhook::{Guarded, cluster};

const CLAIMS: &str = "persistentvolumeclaims";
/// Others of the core group, of which an API server takes nothing that is not whole, not even for a trial.
const CORE: [&str; 4] = ["services", "serviceaccounts", "resourcequotas", "limitranges"];
const WIDGETS: &str = "widgets.example.org";
/// A new ledger lets creates from before end first, for 45 s here.
const SET_UP: Duration = Duration::from_secs(120);

fn policy(quotas: &[(&str, u32)]) -> String {
    let quota = |(resource, limit): &(&str, u32)| json!({"resource": resource, "limit": limit});
    let built_in = [("volumesnapshots.snapshot.storage.k8s.io", 10), ("schedules.velero.io", 3)];
    let quotas: Vec<Value> = built_in.iter().chain(quotas).map(quota).collect();
    json!({"apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"quotas": quotas}})
    .to_string()
}

/// A type whose objects need a field, so that an empty one would not do as a probe.
fn widgets() -> String {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": WIDGETS},
        "spec": {
            "group": "example.org", "scope": "Cluster", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "required": ["spec"], "properties": {"spec": {
                    "type": "object", "required": ["size", "mode"],
                    "properties": {"size": {"type": "integer", "minimum": 3}, "mode": {"type": "string", "enum": ["Fast"]}},
                }},
            }}}],
        },
    })
    .to_string()
}

fn claim(name: &str) -> String {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Mi"}}}})
    .to_string()
}

fn widget(name: &str) -> String {
    json!({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 3, "mode": "Fast"}})
        .to_string()
}

fn status(guarded: &Guarded) -> Value {
    let object = guarded.cluster.kubectl(&["get", "backuppolicy", "default", "-o", "json"]);
    serde_json::from_str::<Value>(&object).expect("an object")["status"].clone()
}

fn state(guarded: &Guarded, resource: &str) -> (String, Value) {
    let status = status(guarded);
    let quotas = status["quotas"].as_array().cloned().unwrap_or_default();
    let quota = quotas.into_iter().find(|quota| quota["resource"] == resource).unwrap_or_default();
    (quota["state"].as_str().unwrap_or_default().to_owned(), quota)
}

fn count(guarded: &Guarded, resource: &str) -> usize {
    guarded.cluster.kubectl(&["get", resource, "-A", "-o", "name"]).lines().count()
}

/// Forty creates by eight clients at once.
fn forty(guarded: &Guarded, object: impl Fn(&str) -> String + Sync) -> Vec<Run> {
    let object = &object;
    let client =
        |client: usize| (0..5).map(|n| guarded.cluster.try_create(&object(&format!("at-once-{client}-{n}")))).collect();
    let client = &client;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|n| scope.spawn(move || -> Vec<Run> { client(n) })).collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    })
}

#[test]
fn w1_any_resource_that_the_policy_names_is_counted_exactly() {
    let guarded = cluster();
    guarded.cluster.create(&widgets());
    guarded.cluster.kubectl(&["wait", "crd", WIDGETS, "--for=condition=Established"]);
    // The cluster of these tests has two claims already.
    let mut limits = vec![(CLAIMS, 6), (WIDGETS, 4)];
    limits.extend(CORE.map(|resource| (resource, 500)));
    let applied = guarded.cluster.try_apply(&policy(&limits)).ok();
    applied.says("Warning: persistentvolumeclaims is counted once API servers ask the webhook about it");
    // Nobody asks yet, which is said and not hidden.
    until("it is told that nobody asks", SET_UP, || {
        state(&guarded, WIDGETS).0 == "NotAsked" && state(&guarded, CLAIMS).0 == "NotAsked"
    });
    let told = guarded.cluster.kubectl(&["get", "backuppolicy", "default"]);
    assert!(told.contains("QUOTAS KEPT") && told.contains("False") && told.contains("volumesnapshots 0/10"), "{told}");
    assert!(
        state(&guarded, WIDGETS).1["message"].as_str().is_some_and(|why| why.contains("kubectl backup policy grant"))
    );
    guarded.cluster.plugin(&["quota"]).ok().says("the limit of widgets.example.org is not kept");
    // The user makes them ask.
    let dry = guarded.cluster.plugin(&["policy", "grant", "--dry-run=client", "-o", "yaml"]).ok().stdout;
    assert!(
        dry.contains("backup-webhook-quotas")
            && dry.contains("widgets")
            && count(&guarded, "validatingwebhookconfigurations") == 1,
        "{dry}"
    );
    guarded.cluster.plugin(&["policy", "grant"]).ok();
    until("all are kept", SET_UP, || limits.iter().all(|(resource, _)| state(&guarded, resource).0 == "Kept"));
    assert_eq!(status(&guarded)["conditions"][1]["status"], "True", "{}", status(&guarded));

    // Exact, with forty creates at once, of which two or so claims are there already.
    for (resource, limit, runs) in [(CLAIMS, 6, forty(&guarded, claim)), (WIDGETS, 4, forty(&guarded, widget))] {
        assert_eq!(count(&guarded, resource), limit, "{resource}");
        let plural = resource.split('.').next().unwrap_or_default();
        for run in runs.iter().filter(|run| run.code != 0) {
            assert!(run.stderr.contains(&format!("cluster quota {plural}: ")), "{}", run.stderr);
        }
    }
    // Released at once, and named by what is typed to free one.
    guarded
        .cluster
        .try_create(&widget("late"))
        .ends_with(1)
        .says("4/4 used")
        .says("kubectl delete widgets.example.org at-once-");
    let one = guarded.cluster.kubectl(&["get", WIDGETS, "-o", "jsonpath={.items[0].metadata.name}"]);
    guarded.cluster.kubectl(&["delete", WIDGETS, &one]);
    guarded.cluster.try_create(&widget("late")).ok();
    guarded.cluster.try_create(&widget("later")).ends_with(1).says("4/4 used");
    let shown = guarded.cluster.plugin(&["quota"]).ok().stdout;
    assert!(shown.contains("widgets") && shown.contains("late") && shown.contains(CLAIMS), "{shown}");

    // Adopted: made while nobody was asked.
    guarded.cluster.kubectl(&["delete", "validatingwebhookconfiguration", "backup-webhook-quotas"]);
    until("nobody asks any more", SET_UP, || guarded.cluster.try_create(&widget("unasked")).code == 0);
    let adopted = [
        "get",
        "events",
        "-A",
        "-o",
        "jsonpath={.items[?(@.reason=='QuotaAdopted')].regarding.name}{.items[?(@.reason=='QuotaAdopted')].involvedObject.name}",
    ];
    until("its adoption is told", SET_UP, || guarded.cluster.kubectl(&adopted).contains("unasked"));
    until("the ledger has it", SET_UP, || state(&guarded, WIDGETS).1["over"] == 1);
    until("that nobody asks is noticed", Duration::from_secs(150), || state(&guarded, WIDGETS).0 == "NotAsked");
    guarded.cluster.plugin(&["policy", "grant"]).ok();
    until("somebody is asked", SET_UP, || {
        guarded.cluster.try_create_with(&["--dry-run=server"], &widget("asked")).stderr.contains("5/4 used")
    });

    // No limit, no right.
    guarded.cluster.try_apply(&policy(&[])).ok();
    let deleted = guarded.cluster.plugin(&["policy", "grant"]).ok().stdout;
    assert_eq!(deleted.lines().count(), 5, "{deleted}");
    assert_eq!(count(&guarded, "validatingwebhookconfigurations"), 1);
    guarded.cluster.kubectl(&["delete", "crd", WIDGETS]);
    guarded.cluster.kubectl(&[
        "delete",
        "pvc",
        "-n",
        "default",
        "--field-selector=metadata.name!=disk,metadata.name!=share",
        "--wait=false",
    ]);
    guarded.cluster.kubectl(&["delete", "backuppolicy", "default"]);
}
