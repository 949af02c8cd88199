//! BKP502: a policy holds only what its type knows; what is looked at stands in `settings`.

use super::{Check, Outcome, Page, Rule, policy_problem};
use crate::{Config, Facts, Operation, Severity, Subject, settings::Concern};

pub(super) const RULE: Rule = Rule {
    code: "BKP502",
    severity: Severity::Deny,
    title: "A policy holds only what its type knows",
    page: Page {
        why: "An API server drops fields that the type does not have, so that a setting with a slip in its name is \
              a setting that nobody made; a value of another type or size is refused.",
        bad: include_str!("examples/BKP502.bad.yaml"),
        good: include_str!("examples/BKP502.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: policy_problem::CEL,
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    Ok(policy_problem::of(subject, Concern::Shape))
}
