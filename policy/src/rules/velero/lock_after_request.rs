//! BKP354: a lock that comes after a request to delete does not hold.

use super::{MANY, lock_unreadable, short};
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    names::{LOCK_FOR, LOCKED_UNTIL},
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    subject::annotation,
    velero::{Lock, VeleroFacts},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP354",
    severity: Severity::Deny,
    title: "A deletion lock comes before the requests to delete",
    page: Page {
        why: "Velero acts upon a DeleteBackupRequest when it gets to it, perhaps after a restart or when its location is \
              there again, and asks nobody then. A lock that is set while a request for the backup waits, or is being \
              worked on, would promise what it cannot keep. Delete the request first: its backup stays if Velero has \
              not begun.",
        bad: include_str!("../examples/BKP354.bad.yaml"),
        good: include_str!("../examples/BKP354.good.yaml"),
        operation: Operation::Update,
        facts: &[REQUESTS],
        given: || requested(&["web-x7k2p"]),
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

const REQUESTS: &str = "the DeleteBackupRequests for the backup";

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let judged = subject.kind == Kind::Backup && !subject.is_terminating() && lock_unreadable::changed(subject);
    if !judged || Lock::readable(subject.object).is_open() {
        return Ok(Vec::new());
    }
    let waiting = facts.velero.deletions.as_ref().ok_or(Missing(REQUESTS))?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let name = if annotation(subject.object, LOCKED_UNTIL).is_some() { LOCKED_UNTIL } else { LOCK_FOR };
    let waiting: Vec<_> = waiting.iter().map(|name| short(name)).take(MANY).collect();
    let message = format!(
        "somebody has asked already to delete this backup: DeleteBackupRequest {}; delete the request first, and lock the \
         backup if it is still there",
        waiting.join(", ")
    );
    Ok(vec![Violation::at(FieldPath::root().annotation(name), message)])
}

fn requested(names: &[&str]) -> Facts {
    let deletions = Some(names.iter().map(|name| (*name).to_owned()).collect());
    let velero = VeleroFacts { deletions, ..VeleroFacts::default() };
    Facts { velero, ..super::at_new_year() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::fixture::told, requested};
    use crate::{Facts, Kind, Subject, names::LOCK_FOR};

    fn backup(annotations: &Value) -> Value {
        json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"annotations": annotations}})
    }

    #[test]
    fn a_lock_finds_out_that_it_is_late() {
        let (open, locked) = (backup(&json!({})), backup(&json!({LOCK_FOR: "24h"})));
        let update = |new: &Value, old: &Value, facts: &Facts| {
            told(super::check, &Subject::write(Kind::Backup, new, Some(old)), facts)
        };
        insta::assert_snapshot!(update(&locked, &open, &requested(&["a-1"])), @r#"metadata.annotations[kubectl-backup.dev/lock-for]: somebody has asked already to delete this backup: DeleteBackupRequest "a-1"; delete the request first, and lock the backup if it is still there"#);
        insta::assert_snapshot!(update(&locked, &open, &Facts::default()), @"not evaluated: the DeleteBackupRequests for the backup");
        assert_eq!(update(&locked, &open, &requested(&[])), "");
        assert_eq!(update(&locked, &locked, &requested(&["a-1"])), "", "it was there before");
        assert_eq!(update(&open, &locked, &requested(&["a-1"])), "");
    }
}
