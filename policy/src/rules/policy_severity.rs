//! BKP503: a severity is set for a rule that exists; what is looked at stands in `settings`.

use super::{Check, Outcome, Page, Rule, policy_problem};
use crate::{Config, Facts, Operation, Severity, Subject, settings::Concern};

pub(super) const RULE: Rule = Rule {
    code: "BKP503",
    severity: Severity::Deny,
    title: "A severity is set for a rule that exists",
    page: Page {
        why: "A severity under a code that no rule has changes nothing. YAML reads Off without quotes as the \
              boolean false, which the API server refuses with words that do not help.",
        bad: include_str!("examples/BKP503.bad.yaml"),
        good: include_str!("examples/BKP503.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: policy_problem::CEL,
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    Ok(policy_problem::of(subject, Concern::Severities))
}
