//! BKP308: Velero refuses a backup that uses both generations of its filters.

use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP308",
    severity: Severity::Deny,
    title: "Old and new resource filters are not mixed",
    page: Page {
        why: "includedResources, excludedResources and includeClusterResources are the old filters; the four with \
              ClusterScoped and NamespaceScoped in their names are the new ones. Velero fails the validation of a \
              backup that uses both (oldAndNewFilterParametersUsedTogether), and each backup of such a schedule.",
        bad: include_str!("../examples/BKP308.bad.yaml"),
        good: include_str!("../examples/BKP308.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

const OLD: [&str; 3] = ["includedResources", "excludedResources", "includeClusterResources"];
const NEW: [&str; 4] = [
    "includedClusterScopedResources",
    "excludedClusterScopedResources",
    "includedNamespaceScopedResources",
    "excludedNamespaceScopedResources",
];

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let fields = [&OLD[..], &NEW[..]].concat();
    let Some(spec) = Spec::touched(subject, BACKUPS, &fields) else { return Ok(Vec::new()) };
    let used = |field: &&&'static str| {
        spec.get(field).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
    };
    let (Some(old), Some(new)) = (OLD.iter().find(used), NEW.iter().find(used)) else { return Ok(Vec::new()) };
    let message = format!("{old} is an old filter and {new} a new one, and Velero refuses both at once; use one kind");
    Ok(vec![Violation::at(spec.path(old), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn both_generations_at_once_are_refused() {
        let mixed = json!({"includeClusterResources": false, "excludedNamespaceScopedResources": ["secrets"]});
        insta::assert_snapshot!(said(super::check, "Backup", &mixed), @"spec.includeClusterResources: includeClusterResources is an old filter and excludedNamespaceScopedResources a new one, and Velero refuses both at once; use one kind");
        assert_ne!(said(super::check, "Schedule", &json!({"template": mixed})), "");
        let empty = json!({"includedResources": [], "excludedNamespaceScopedResources": ["secrets"]});
        assert_eq!(said(super::check, "Backup", &empty), "");
    }
}
