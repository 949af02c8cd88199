//! BKP507: a plan has a name of its own, a schedule that Velero takes and a lock within its retention; what is looked at stands in `settings`.

use super::{Check, Outcome, Page, Rule, policy_problem};
use crate::{Config, Facts, Operation, Severity, Subject, settings::Concern};

pub(super) const RULE: Rule = Rule {
    code: "BKP507",
    severity: Severity::Deny,
    title: "A plan has a name of its own, a schedule that Velero takes and a lock within its retention",
    page: Page {
        why: "A plan is to become a Velero Schedule. Velero checks the expression after the object was made and then \
              only notes FailedValidation in its status, so that no backup is ever made; a lock that outlasts the \
              retention could not be kept. Until a command makes Schedules of plans, kubectl backup create --plan takes their \
              retention and their lock; the expression is checked so that it is not wrong on that day.",
        bad: include_str!("examples/BKP507.bad.yaml"),
        good: include_str!("examples/BKP507.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: policy_problem::CEL,
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    Ok(policy_problem::of(subject, Concern::Plans))
}
