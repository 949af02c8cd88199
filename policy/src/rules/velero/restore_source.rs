//! BKP330: a restore has one source.

use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP330",
    severity: Severity::Deny,
    title: "A Restore names a backup or a schedule",
    page: Page {
        why: "Velero fails the validation of a restore that names neither spec.backupName nor spec.scheduleName, or \
              both (backupXorScheduleProvided).",
        bad: include_str!("../examples/BKP330.bad.yaml"),
        good: include_str!("../examples/BKP330.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let fields = ["backupName", "scheduleName"];
    let Some(spec) = Spec::own(subject, &[Kind::Restore], &fields) else { return Ok(Vec::new()) };
    let message = match (spec.text("backupName"), spec.text("scheduleName")) {
        (Some(_), Some(_)) => "scheduleName is given as well, and Velero takes only one of the two; leave one out",
        (None, None) => "neither a backup nor a schedule is named; give backupName or scheduleName",
        _ => return Ok(Vec::new()),
    };
    // Velero itself writes the other one into a restore when it begins.
    if subject.operation != Operation::Create {
        return Ok(Vec::new());
    }
    Ok(vec![Violation::at(spec.path("backupName"), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn one_source_is_named() {
        insta::assert_snapshot!(said(super::check, "Restore", &json!({"backupName": "a", "scheduleName": "b"})), @"spec.backupName: scheduleName is given as well, and Velero takes only one of the two; leave one out");
        insta::assert_snapshot!(said(super::check, "Restore", &json!({"backupName": ""})), @"spec.backupName: neither a backup nor a schedule is named; give backupName or scheduleName");
        assert_eq!(said(super::check, "Restore", &json!({"scheduleName": "b"})), "");
    }
}
