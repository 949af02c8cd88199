//! BKP505: a row of the table of snapshot classes can fit; what is looked at stands in `settings`.

use super::{Check, Outcome, Page, Rule, policy_problem};
use crate::{Config, Facts, Operation, Severity, Subject, settings::Concern};

pub(super) const RULE: Rule = Rule {
    code: "BKP505",
    severity: Severity::Deny,
    title: "A row of the table of snapshot classes can fit",
    page: Page {
        why: "In a pattern for storage classes an asterisk is any text and a question mark any one character. \
              Brackets or capitals, which no storage class's name has, make a row that never fits, and snapshots \
              would get another class or none.",
        bad: include_str!("examples/BKP505.bad.yaml"),
        good: include_str!("examples/BKP505.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: policy_problem::CEL,
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    Ok(policy_problem::of(subject, Concern::SnapshotClasses))
}
