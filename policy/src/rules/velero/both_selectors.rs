//! BKP311: Velero refuses two kinds of label selectors at once.

use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP311",
    severity: Severity::Deny,
    title: "One of labelSelector and orLabelSelectors is given",
    page: Page {
        why: "Velero fails the validation of a backup or a restore with both (backup_controller.go and \
              restore_controller.go).",
        bad: include_str!("../examples/BKP311.bad.yaml"),
        good: include_str!("../examples/BKP311.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let kinds = [Kind::Backup, Kind::Schedule, Kind::Restore];
    let Some(spec) = Spec::touched(subject, &kinds, &["labelSelector", "orLabelSelectors"]) else {
        return Ok(Vec::new());
    };
    if spec.get("labelSelector").is_none() || spec.get("orLabelSelectors").is_none() {
        return Ok(Vec::new());
    }
    let message = "labelSelector is given as well, and Velero takes only one of the two; put it into this list";
    Ok(vec![Violation::at(spec.path("orLabelSelectors"), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn both_kinds_of_selectors_are_refused() {
        let both = json!({"labelSelector": {}, "orLabelSelectors": []});
        insta::assert_snapshot!(said(super::check, "Restore", &both), @"spec.orLabelSelectors: labelSelector is given as well, and Velero takes only one of the two; put it into this list");
        assert_eq!(said(super::check, "Restore", &json!({"labelSelector": null, "orLabelSelectors": []})), "");
    }
}
