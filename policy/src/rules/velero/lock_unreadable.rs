//! BKP350: a lock that nobody can read protects nothing.

use super::{at_new_year, short};
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    names::{LOCK_FOR, LOCKED_UNTIL},
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    subject::annotation,
    velero::Lock,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP350",
    severity: Severity::Deny,
    title: "A deletion lock can be read",
    page: Page {
        why: "kubectl-backup.dev/locked-until is a moment, with its time zone (RFC 3339), and kubectl-backup.dev/lock- \
              for a time from the backup's start on, as Go writes it. A lock in another form would be none, and its \
              author would believe that the backup is safe.",
        bad: include_str!("../examples/BKP350.bad.yaml"),
        good: include_str!("../examples/BKP350.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: at_new_year,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let lockable = matches!(subject.kind, Kind::Backup | Kind::Schedule) && !subject.is_terminating();
    if !lockable || !changed(subject) {
        return Ok(Vec::new());
    }
    let Err(bad) = Lock::read(subject.object) else { return Ok(Vec::new()) };
    let text = annotation(subject.object, bad.annotation).unwrap_or_default();
    let message = format!("{} is no lock; write {}", short(text), bad.expected);
    Ok(vec![Violation::at(FieldPath::root().annotation(bad.annotation), message)])
}

/// Whether the object is new, or says something else about its lock than before.
pub(super) fn changed(subject: &Subject<'_>) -> bool {
    subject.old.is_none_or(|old| {
        [LOCKED_UNTIL, LOCK_FOR].into_iter().any(|name| annotation(old, name) != annotation(subject.object, name))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_of;
    use crate::Facts;
    use crate::names::{LOCK_FOR, LOCKED_UNTIL};

    #[test]
    fn a_lock_is_a_moment_or_a_duration() {
        let said = |kind: &str, name: &str, value: &str| {
            let annotations = json!({name: value});
            let object = json!({"apiVersion": "velero.io/v1", "kind": kind, "metadata": {"annotations": annotations}});
            said_of(super::check, &object, &Facts::default())
        };
        insta::assert_snapshot!(said("Backup", LOCKED_UNTIL, "2026-12-31"), @r#"metadata.annotations[kubectl-backup.dev/locked-until]: "2026-12-31" is no lock; write a date and time with its zone, as in 2026-12-31T00:00:00Z"#);
        insta::assert_snapshot!(said("Schedule", LOCK_FOR, "30d"), @r#"metadata.annotations[kubectl-backup.dev/lock-for]: "30d" is no lock; write a duration longer than none, as in 720h"#);
        assert_eq!(said("Backup", LOCK_FOR, "720h"), "");
        assert_eq!(said("Restore", LOCK_FOR, "30d"), "", "nothing locks a restore");
    }
}
