//! What the rules about BackupPolicies share: each tells the problems of one concern.

use super::{Cel, Violation};
use crate::{
    Config, Kind, Subject,
    settings::{self, Concern, Problem},
};

pub(super) const CEL: Cel =
    Cel::LeftOut("a generated policy judges pods; what CEL can say of a BackupPolicy stands in its own schema");

/// Whether a policy is looked at: an old mistake must not hold up what leaves the settings as they are.
pub(super) fn is_judged(subject: &Subject<'_>) -> bool {
    let spec = subject.object.get("spec");
    let changed = subject.old.is_none_or(|old| old.get("spec") != spec);
    subject.kind == Kind::BackupPolicy && !subject.is_terminating() && changed
}

/// The problems of one concern.
pub(super) fn of(subject: &Subject<'_>, concern: Concern) -> Vec<Violation> {
    let spec = subject.object.get("spec").filter(|spec| is_judged(subject) && !spec.is_null());
    let problems = spec.map(|spec| settings::read(&Config::default(), spec).problems).unwrap_or_default();
    problems.into_iter().filter(|problem| problem.concern == concern).map(violation).collect()
}

fn violation(problem: Problem) -> Violation {
    let Problem { path, message, harmless, fix, .. } = problem;
    Violation { path, message, harmless, fix }
}
