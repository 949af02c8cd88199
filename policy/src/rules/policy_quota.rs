//! BKP504: a quota names a resource that can be counted; what is looked at stands in `settings`.

use super::{Check, Outcome, Page, Rule, policy_problem};
use crate::{Config, Facts, Operation, Severity, Subject, settings::Concern};

pub(super) const RULE: Rule = Rule {
    code: "BKP504",
    severity: Severity::Deny,
    title: "A quota names a resource that can be counted",
    page: Page {
        why: "A quota counts the objects of the resource it names, as plural.group; one on a name that no cluster \
              has would let everything pass. The list replaces the built-in one, so that what it leaves out has no \
              limit: that is told and not refused.",
        bad: include_str!("examples/BKP504.bad.yaml"),
        good: include_str!("examples/BKP504.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: policy_problem::CEL,
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    Ok(policy_problem::of(subject, Concern::Quotas))
}
