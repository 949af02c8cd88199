//! BKP508: an exemption names accounts, one by one; what is looked at stands in `settings`.

use super::{Check, Outcome, Page, Rule, policy_problem};
use crate::{Config, Facts, Operation, Severity, Subject, settings::Concern};

pub(super) const RULE: Rule = Rule {
    code: "BKP508",
    severity: Severity::Deny,
    title: "An exemption names accounts, one by one",
    page: Page {
        why: "An exempt account passes every quota and every deletion lock. Names are compared as they are, so \
              that an asterisk exempts nobody, and groups such as system:authenticated hold everybody, which would \
              leave the policy without effect.",
        bad: include_str!("examples/BKP508.bad.yaml"),
        good: include_str!("examples/BKP508.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: policy_problem::CEL,
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    Ok(policy_problem::of(subject, Concern::Exemptions))
}
