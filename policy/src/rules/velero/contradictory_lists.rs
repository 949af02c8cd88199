//! BKP309: Velero refuses lists that include and exclude the same.

use std::collections::BTreeSet;

use super::short;
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP309",
    severity: Severity::Deny,
    title: "Lists of what is included and excluded agree",
    page: Page {
        why: "Velero fails the validation of an object whose list of included things holds * beside others, whose list \
              of excluded things holds *, or that names one thing in both (pkg/util/collections/includes_excludes.go). \
              Only the lists of the new filters may exclude *, alone and with nothing included.",
        bad: include_str!("../examples/BKP309.bad.yaml"),
        good: include_str!("../examples/BKP309.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

/// Pairs of fields, and whether the second may be a star alone.
const PAIRS: [(&str, &str, bool); 4] = [
    ("includedNamespaces", "excludedNamespaces", false),
    ("includedResources", "excludedResources", false),
    ("includedClusterScopedResources", "excludedClusterScopedResources", true),
    ("includedNamespaceScopedResources", "excludedNamespaceScopedResources", true),
];

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let kinds = [Kind::Backup, Kind::Schedule, Kind::Restore];
    let mut found = Vec::new();
    for (included, excluded, star_alone) in PAIRS {
        let Some(spec) = Spec::touched(subject, &kinds, &[included, excluded]) else { continue };
        let (ins, outs): (BTreeSet<_>, BTreeSet<_>) =
            (spec.texts(included).into_iter().collect(), spec.texts(excluded).into_iter().collect());
        if ins.len() > 1 && ins.contains("*") {
            let message = "* stands for all and must stand alone; leave the others out".to_owned();
            found.push(Violation::at(spec.path(included), message));
        }
        if outs.contains("*") && !(star_alone && outs.len() == 1 && ins.is_empty()) {
            let message =
                format!("* would leave out everything; name what to leave out, or what to keep in {included}");
            found.push(Violation::at(spec.path(excluded), message));
        }
        if let Some(both) = ins.intersection(&outs).next() {
            let message = format!("{} is in {included} as well; take it out of one of them", short(both));
            found.push(Violation::at(spec.path(excluded), message));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn lists_that_contradict_each_other_are_refused() {
        let lists = json!({"includedNamespaces": ["*", "a"], "excludedNamespaces": ["a"], "excludedResources": ["*"]});
        insta::assert_snapshot!(said(super::check, "Restore", &lists), @r#"
        spec.includedNamespaces: * stands for all and must stand alone; leave the others out
        spec.excludedNamespaces: "a" is in includedNamespaces as well; take it out of one of them
        spec.excludedResources: * would leave out everything; name what to leave out, or what to keep in includedResources
        "#);
        assert_eq!(said(super::check, "Backup", &json!({"excludedClusterScopedResources": ["*"]})), "");
        let both = json!({"includedClusterScopedResources": ["a"], "excludedClusterScopedResources": ["*"]});
        assert_ne!(said(super::check, "Backup", &both), "");
        assert_eq!(
            said(super::check, "Backup", &json!({"includedNamespaces": ["*"], "excludedNamespaces": ["a"]})),
            ""
        );
    }
}
