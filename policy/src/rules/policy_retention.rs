//! BKP506: a retention is a Go duration between 1h and 200 years; what is looked at stands in `settings`.

use super::{Check, Outcome, Page, Rule, policy_problem};
use crate::{Config, Facts, Operation, Severity, Subject, settings::Concern};

pub(super) const RULE: Rule = Rule {
    code: "BKP506",
    severity: Severity::Deny,
    title: "A retention is a Go duration between 1h and 200 years",
    page: Page {
        why: "Velero reads durations as Go does, which knows neither days nor weeks, and deletes a backup once its \
              time is over: one that is kept for seconds is gone before anybody needs it.",
        bad: include_str!("examples/BKP506.bad.yaml"),
        good: include_str!("examples/BKP506.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: policy_problem::CEL,
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    Ok(policy_problem::of(subject, Concern::Retention))
}
