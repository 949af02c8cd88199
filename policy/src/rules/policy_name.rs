//! BKP501: a policy under another name would look as if it held.

use backup_api::policy::POLICY_NAME;
use serde_json::Value;

use super::{Check, Outcome, Page, Rule, Violation, policy_problem};
use crate::{Config, Facts, FieldPath, Fix, Operation, Severity, Subject};

pub(super) const RULE: Rule = Rule {
    code: "BKP501",
    severity: Severity::Deny,
    title: "Only the policy named default is read",
    page: Page {
        why: "There is one policy for the whole cluster, and the webhook reads the object named default. Another \
              one would look as if it held, and would not.",
        bad: include_str!("examples/BKP501.bad.yaml"),
        good: include_str!("examples/BKP501.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: policy_problem::CEL,
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let name = subject.object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if !policy_problem::is_judged(subject) || name == POLICY_NAME {
        return Ok(Vec::new());
    }
    let path = FieldPath::of(&["metadata", "name"]);
    let message = format!("the policy {name:?} is not read; name it {POLICY_NAME}, or put its settings there");
    Ok(vec![Violation::at(path.clone(), message).fixed_by(Fix::set(path, POLICY_NAME))])
}
