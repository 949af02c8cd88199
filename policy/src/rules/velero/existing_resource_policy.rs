//! BKP333: Velero knows two ways with objects that exist.

use super::short;
use crate::{
    Config, Facts, Fix, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP333",
    severity: Severity::Deny,
    title: "A Restore's existingResourcePolicy is none or update",
    page: Page {
        why: "Velero fails the validation of a restore with another value (pkg/util/velero/restore): nothing of the \
              backup is restored.",
        bad: include_str!("../examples/BKP333.bad.yaml"),
        good: include_str!("../examples/BKP333.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let field = "existingResourcePolicy";
    let Some(spec) = Spec::own(subject, &[Kind::Restore], &[field]) else { return Ok(Vec::new()) };
    let Some(value) = spec.text(field).filter(|value| !matches!(*value, "none" | "update")) else {
        return Ok(Vec::new());
    };
    let message = format!("Velero knows none and update, in lower case, and not {}", short(value));
    let lower = value.to_ascii_lowercase();
    let fix = matches!(lower.as_str(), "none" | "update").then(|| Fix::set(spec.path(field), lower));
    Ok(vec![Violation::at(spec.path(field), message).fixed_by(fix)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn only_two_values_are_known() {
        insta::assert_snapshot!(said(super::check, "Restore", &json!({"existingResourcePolicy": "recreate"})), @r#"spec.existingResourcePolicy: Velero knows none and update, in lower case, and not "recreate""#);
        assert_ne!(said(super::check, "Restore", &json!({"existingResourcePolicy": "None"})), "");
        for known in ["", "none", "update"] {
            assert_eq!(said(super::check, "Restore", &json!({"existingResourcePolicy": known})), "");
        }
    }
}
