//! All rules over one subject.

use crate::{
    Config, Facts, Finding, NotEvaluated, Operation, Severity, Subject,
    facts::Writer,
    pod::Pod,
    rules::{CATALOGUE, Check, Rule, Violation},
};

/// Everything that was found, and everything that could not be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong, by rule.
    pub findings: Vec<Finding>,
    /// Rules that would have applied, had more been known.
    pub not_evaluated: Vec<NotEvaluated>,
}

impl Verdict {
    /// The findings for which the object is refused.
    pub fn denials(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Deny)
    }

    /// The findings that its author is only told.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Warn)
    }
}

/// Applies every rule; all findings are collected, never only the first.
///
/// An update is judged only by what it changes, and the pod of a terminating object not at all: an old mistake must not
/// hold up finalizers, status writes or the deletion of a namespace. A terminating snapshot still holds its slot, so that
/// its mark is judged as ever.
#[must_use]
pub fn evaluate(config: &Config, subject: &Subject<'_>, facts: &Facts) -> Verdict {
    let mut verdict = Verdict::default();
    // The kubelet shows its static pods so, and nothing here can change them.
    let mirror = facts.writer == Writer::Node && subject.is_mirror_pod();
    let judged = subject.operation != Operation::Delete && !subject.is_terminating() && !mirror;
    let pod = Pod::of(subject).filter(|pod| judged && changed(subject, pod));
    for rule in CATALOGUE {
        let severity = config.severity(rule);
        if severity == Severity::Off {
            continue;
        }
        let outcome = match rule.check {
            Check::Pod(check) => Ok(pod.as_ref().map(check).unwrap_or_default()),
            Check::PodAround(check) => pod.as_ref().map_or_else(|| Ok(Vec::new()), |pod| check(pod, facts)),
            Check::Subject(_) if subject.operation == Operation::Delete => continue,
            Check::Subject(check) | Check::Operation(check) => check(config, subject, facts),
        };
        match outcome {
            Ok(violations) => {
                verdict.findings.extend(violations.into_iter().map(|it| finding(rule, severity, subject, facts, it)));
            }
            Err(missing) => verdict.not_evaluated.push(NotEvaluated { code: rule.code, missing: missing.0 }),
        }
    }
    verdict
}

fn changed(subject: &Subject<'_>, pod: &Pod<'_>) -> bool {
    subject.old.and_then(|old| Pod::within(subject.kind, old)).is_none_or(|old| old != *pod)
}

fn finding(rule: &Rule, severity: Severity, subject: &Subject<'_>, facts: &Facts, violation: Violation) -> Finding {
    // Owners are named by whoever writes the object, so that only a controller's word counts.
    let copy = facts.writer == Writer::Controller && subject.is_from_checked_template();
    let copied = copy && matches!(rule.check, Check::Pod(_) | Check::PodAround(_));
    let severity = if copied || violation.harmless { severity.min(Severity::Warn) } else { severity };
    let Violation { path, message, fix, harmless: _ } = violation;
    Finding { code: rule.code, severity, path, message, fix }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::names::BACKUP_VOLUMES;

    fn deployment(value: &str, image: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": {"template": {
            "metadata": {"annotations": {BACKUP_VOLUMES: value}},
            "spec": {
                "containers": [{"image": image, "volumeMounts": [{"name": "data"}]}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "web"}}],
            },
        }}})
    }

    fn codes(object: &Value, old: Option<&Value>) -> Vec<(&'static str, Severity)> {
        codes_for(Writer::Anybody, object, old)
    }

    fn codes_for(writer: Writer, object: &Value, old: Option<&Value>) -> Vec<(&'static str, Severity)> {
        let subject = Subject::read(object, old).expect("a known kind");
        let facts = Facts { writer, requester_exempt: Some(false), ..Facts::default() };
        let verdict = evaluate(&Config::default(), &subject, &facts);
        verdict.findings.iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn every_finding_is_collected() {
        let found = codes(&deployment("data, data,,nope", "a"), None);
        let codes: Vec<_> = found.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, ["BKP101", "BKP102", "BKP103", "BKP104"]);
    }

    #[test]
    fn what_loses_no_data_is_only_told() {
        let pod = |list: &str, value: &str| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {list: value}},
                "spec": {"volumes": [{"name": "data", "nfs": {}}]}})
        };
        let included = |value| codes(&pod(BACKUP_VOLUMES, value), None);
        assert_eq!(included("data,"), [("BKP102", Severity::Warn)]);
        assert_eq!(included("data,data"), [("BKP103", Severity::Warn)]);
        assert_eq!(included("nope"), [("BKP104", Severity::Deny)]);
        let excluded = |value| codes(&pod(crate::names::BACKUP_VOLUMES_EXCLUDES, value), None);
        assert_eq!(excluded("nope"), [("BKP104", Severity::Warn)]);
        assert_eq!(excluded(" data"), [("BKP101", Severity::Deny)]);
    }

    #[test]
    fn a_pod_of_thousands_of_volumes_gets_an_answer_of_a_few_lines() {
        for (volumes, listed) in [(5000, 5000), (5000, 999), (0, 999)] {
            let name = |n: usize| format!("{n:0>63}");
            let list: Vec<_> = (0..listed).map(|n| format!(" {}", name(n))).collect();
            let volumes: Vec<_> = (0..volumes).map(|n| json!({"name": name(n), "configMap": {"name": "x"}})).collect();
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {
                BACKUP_VOLUMES: (list.join(",")), (crate::names::BACKUP_VOLUMES_EXCLUDES): (list.join(",")),
            }}, "spec": {"volumes": volumes}});
            let subject = Subject::read(&pod, None).expect("a known kind");
            let verdict = evaluate(&Config::default(), &subject, &Facts::default());
            let told: usize = verdict.findings.iter().map(|finding| finding.to_string().len()).sum();
            assert!(verdict.denials().count() > 0 && verdict.findings.len() <= 30 && told < 30_000, "{told}");
        }
    }

    #[test]
    fn an_update_is_judged_by_what_it_changes() {
        let old = deployment("nope", "a");
        assert_eq!(codes(&deployment("nope", "b"), Some(&old)), []);
        assert_eq!(codes(&deployment("nopf", "a"), Some(&old)), [("BKP104", Severity::Deny)]);
        let mut fewer = old.clone();
        fewer["spec"]["template"]["spec"]["volumes"] = json!([]);
        assert_eq!(codes(&fewer, Some(&old)), [("BKP104", Severity::Deny)]);
    }

    #[test]
    fn a_terminating_object_is_left_alone() {
        let (mut object, mut old) = (deployment("nope", "a"), deployment("data", "a"));
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let judged = [("BKP104", Severity::Deny)];
        assert_eq!(
            (codes(&object, None), codes(&object, Some(&old))),
            (judged.to_vec(), judged.to_vec()),
            "written by hand"
        );
        old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(codes(&object, Some(&old)), []);
    }

    #[test]
    fn the_mark_of_a_terminating_snapshot_is_judged() {
        let old = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": {
            "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.org/mine"],
        }});
        let mut marked = old.clone();
        marked["metadata"]["labels"] = json!({crate::names::QUOTA_EXEMPT: "true"});
        assert_eq!(codes(&marked, Some(&old)), [("BKP401", Severity::Deny)]);
        let mut released = old.clone();
        released["metadata"]["finalizers"] = json!([]);
        assert_eq!(codes(&released, Some(&old)), []);
    }

    #[test]
    fn a_controllers_copy_is_never_refused() {
        let mut object = deployment("nope", "a");
        object["kind"] = json!("ReplicaSet");
        object["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": "Deployment", "controller": true}]);
        assert_eq!(codes_for(Writer::Controller, &object, None), [("BKP104", Severity::Warn)]);
        assert_eq!(codes(&object, None), [("BKP104", Severity::Deny)], "an owner that anybody may have invented");
    }

    #[test]
    fn a_mirror_pod_is_left_alone() {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {
            BACKUP_VOLUMES: "nope", "kubernetes.io/config.mirror": "x",
        }}});
        assert_eq!(codes_for(Writer::Node, &object, None), []);
        assert_eq!(codes(&object, None), [("BKP104", Severity::Deny)]);
    }

    #[test]
    fn the_configured_severity_wins() {
        let config = Config { severities: [("BKP104".to_owned(), Severity::Warn)].into(), ..Config::default() };
        let object = deployment("nope", "a");
        let subject = Subject::read(&object, None).expect("a known kind");
        let verdict = evaluate(&config, &subject, &Facts::default());
        assert_eq!(verdict.denials().count(), 0);
        assert_eq!(verdict.warnings().count(), 1);
    }

    #[test]
    fn a_rule_can_be_silenced_and_switched_off() {
        let object = deployment("nope,", "a");
        let subject = Subject::read(&object, None).expect("a known kind");
        let severities = |severity: Severity| {
            let severities = [("BKP104".to_owned(), severity), ("BKP102".to_owned(), Severity::Off)].into();
            let verdict = evaluate(&Config { severities, ..Config::default() }, &subject, &Facts::default());
            verdict.findings.iter().map(|finding| (finding.code, finding.severity)).collect::<Vec<_>>()
        };
        assert_eq!(severities(Severity::Audit), [("BKP104", Severity::Audit)]);
        assert_eq!(severities(Severity::Off), []);
    }

    #[test]
    fn what_loses_no_data_is_told_no_louder_than_the_policy_says() {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {
            (crate::names::BACKUP_VOLUMES_EXCLUDES): "nope",
        }}, "spec": {"volumes": [{"name": "data", "nfs": {}}]}});
        let subject = Subject::read(&object, None).expect("a known kind");
        let config = Config { severities: [("BKP104".to_owned(), Severity::Audit)].into(), ..Config::default() };
        let found = evaluate(&config, &subject, &Facts::default()).findings;
        assert_eq!(found.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [Severity::Audit]);
    }

    #[test]
    fn a_deletion_is_no_writing() {
        let marked = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": {
            "labels": {(crate::names::QUOTA_EXEMPT): "true"},
        }});
        for object in [deployment("nope", "a"), marked] {
            let kind = Subject::read(&object, None).expect("a known kind").kind;
            let verdict = evaluate(&Config::default(), &Subject::deletion(kind, &object), &Facts::default());
            assert_eq!(verdict, Verdict::default());
        }
    }
}
