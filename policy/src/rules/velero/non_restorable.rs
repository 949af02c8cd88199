//! BKP335: Velero restores no nodes, events or objects of its own.

use super::MANY;
use crate::{
    Config, Facts, Fix, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP335",
    severity: Severity::Deny,
    title: "A Restore asks for nothing that Velero never restores",
    page: Page {
        why: "Velero fails the validation of a restore that includes one of the resources that it never restores \
              (nonRestorableResources): nodes, events, CSI nodes, volume attachments, and its own backups, restores and \
              repositories.",
        bad: include_str!("../examples/BKP335.bad.yaml"),
        good: include_str!("../examples/BKP335.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

const NEVER: [&str; 9] = [
    "nodes",
    "events",
    "events.events.k8s.io",
    "backups.velero.io",
    "restores.velero.io",
    "resticrepositories.velero.io",
    "csinodes.storage.k8s.io",
    "volumeattachments.storage.k8s.io",
    "backuprepositories.velero.io",
];

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let field = "includedResources";
    let Some(spec) = Spec::own(subject, &[Kind::Restore], &[field]) else { return Ok(Vec::new()) };
    let named = spec.texts(field).into_iter().enumerate();
    let found = named.filter(|(_, name)| NEVER.contains(name)).map(|(at, name)| {
        let path = spec.path(field).index(at);
        let message = format!("Velero never restores {name}, and refuses a restore that asks for it; take it out");
        Violation::at(path.clone(), message).fixed_by(Fix::remove(path))
    });
    Ok(found.take(MANY).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn what_is_never_restored_is_refused() {
        insta::assert_snapshot!(said(super::check, "Restore", &json!({"includedResources": ["pods", "nodes"]})), @"spec.includedResources[1]: Velero never restores nodes, and refuses a restore that asks for it; take it out");
        assert_eq!(said(super::check, "Restore", &json!({"includedResources": ["pods"]})), "");
    }
}
