//! BKP509: a default label is one that an object can carry; what is looked at stands in `settings`.

use super::{Check, Outcome, Page, Rule, policy_problem};
use crate::{Config, Facts, Operation, Severity, Subject, settings::Concern};

pub(super) const RULE: Rule = Rule {
    code: "BKP509",
    severity: Severity::Deny,
    title: "A default label is one that an object can carry",
    page: Page {
        why: "The webhook adds these labels to backups; an API server would refuse every backup for the sake of a \
              label that cannot be. Labels of velero.io and kubectl-backup.dev have their own meaning and are \
              nobody's to set.",
        bad: include_str!("examples/BKP509.bad.yaml"),
        good: include_str!("examples/BKP509.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: policy_problem::CEL,
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    Ok(policy_problem::of(subject, Concern::Labels))
}
