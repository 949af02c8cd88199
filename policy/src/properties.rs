//! What holds of all rules together, on objects that nobody would write.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Config, Facts, Finding, Subject, evaluate, names};

fn findings(object: &Value) -> Vec<Finding> {
    let subject = Subject::read(object, None).expect("a known kind");
    evaluate(&Config::default(), &subject, &Facts { requester_exempt: Some(false), ..Facts::default() }).findings
}

fn counts(findings: &[Finding]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.code).or_default() += 1;
    }
    counts
}

fn any_list() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "data", "web-data", "raw", "web-raw", "early", "scratch", "config", "host", "nope", "", " ", ", ", ";", "\n",
        "[", "\"",
    ]);
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.join(","))
}

fn any_text() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        " ",
        "web",
        "first",
        "continue",
        " Fail",
        "30",
        "30s",
        "-1s",
        "TRue",
        "yes",
        "true",
        " [\"a\"]",
        "[\"a\"]\n",
        "a b\n",
        "[]",
        "/bin/x\n",
        "restore-wait",
        "Bad_",
    ])
    .prop_map(str::to_owned)
}

fn any_annotations() -> impl Strategy<Value = Value> {
    let keys: Vec<_> = names::for_authors().chain(["backup.velero.io/backup-volume"]).collect();
    let others = prop::collection::btree_map(prop::sample::select(keys), any_text(), 0..6);
    let lists = (prop::option::of(any_list()), prop::option::of(any_list()));
    (others, lists).prop_map(|(mut all, (included, excluded))| {
        for (name, list) in [(names::BACKUP_VOLUMES, included), (names::BACKUP_VOLUMES_EXCLUDES, excluded)] {
            all.remove(name);
            all.extend(list.map(|list| (name, list)));
        }
        json!(all)
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    (any_annotations(), any_annotations(), any::<bool>(), 0..4_usize).prop_map(|(inner, outer, excluded, kind)| {
        let labels = json!({names::VELERO_EXCLUDE: excluded.to_string()});
        let spec = json!({
            "containers": [{
                "name": "web",
                "volumeMounts": [{"name": "data"}, {"name": "scratch"}, {"name": "config"}, {"name": "host"}],
                "volumeDevices": [{"name": "raw"}],
            }],
            "initContainers": [{"name": "first", "volumeMounts": [{"name": "early"}]}],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
                {"name": "raw", "persistentVolumeClaim": {"claimName": "web-raw"}},
                {"name": "early", "persistentVolumeClaim": {"claimName": "web-early"}},
                {"name": "scratch", "emptyDir": {}},
                {"name": "config", "configMap": {}},
                {"name": "host", "hostPath": {}},
            ],
        });
        let pod = json!({"metadata": {"annotations": inner, "labels": labels}, "spec": spec});
        let within = |api_version: &str, kind: &str, spec: Value| {
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"annotations": outer}, "spec": spec})
        };
        match kind {
            0 => {
                let mut pod = pod;
                pod["apiVersion"] = json!("v1");
                pod["kind"] = json!("Pod");
                pod
            }
            1 => within("apps/v1", "StatefulSet", json!({
                "template": pod, "volumeClaimTemplates": [{"metadata": {"name": "scratch"}}],
            })),
            2 => within("batch/v1", "CronJob", json!({"jobTemplate": {"spec": {"template": pod}}})),
            _ => within("apps/v1", "Deployment", json!({"template": pod})),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_fix_takes_its_finding_away_and_adds_none(object in any_object()) {
        let before = findings(&object);
        for finding in &before {
            let Some(fix) = &finding.fix else { continue };
            let mut fixed = object.clone();
            prop_assert!(fix.apply(&mut fixed), "{} cannot be applied to {}", finding, object);
            let (before, after) = (counts(&before), counts(&findings(&fixed)));
            prop_assert!(after.get(finding.code) < before.get(finding.code), "{} stays in {}", finding, fixed);
            for (code, count) in &after {
                prop_assert!(Some(count) <= before.get(code), "{} comes with the fix of {}: {}", code, finding, fixed);
            }
        }
    }

    #[test]
    fn fixes_come_to_an_end(object in any_object()) {
        let mut object = object;
        for _ in 0..100 {
            let Some(fix) = findings(&object).into_iter().find_map(|finding| finding.fix) else { return Ok(()) };
            prop_assert!(fix.apply(&mut object));
        }
        prop_assert!(false, "still not done: {object}");
    }

    #[test]
    fn a_path_leads_to_something_or_to_a_key_that_is_to_be_added(object in any_object()) {
        for finding in findings(&object) {
            prop_assert!(finding.path.find(&object).is_some(), "{finding} in {object}");
            prop_assert_eq!(object.pointer(&finding.path.pointer()), finding.path.find(&object));
        }
    }
}

#[test]
fn an_answer_does_not_grow_with_the_question() {
    let long = "x".repeat(100_000);
    let mut annotations: BTreeMap<String, String> =
        (0..20_000).map(|n| (format!("backup.velero.io/key-{n}"), "x".to_owned())).collect();
    annotations.extend(names::for_authors().map(|key| (key.to_owned(), long.clone())));
    let containers: Vec<_> =
        (0..20_000).map(|n| json!({"name": format!("c{n}"), "volumeMounts": [{"name": "a"}]})).collect();
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"annotations": annotations},
        "spec": {"template": {"metadata": {"annotations": annotations}, "spec": {"containers": containers}}},
    });
    let found = findings(&object);
    let told: usize = found.iter().map(|finding| finding.to_string().len()).sum();
    assert!(found.len() < 100 && told < 60_000, "{} findings of {told} bytes", found.len());
}
