//! BKP351: a lock that can be taken off is none.

use super::{NOW, at_new_year, lock_unreadable};
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    names::{LOCK_FOR, LOCKED_UNTIL},
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    subject::annotation,
    velero::Lock,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP351",
    severity: Severity::Deny,
    title: "A deletion lock is not shortened, taken off or got round",
    page: Page {
        why: "Until its end a lock can be made longer and not shorter, by nobody but an exempt account. Its end follows \
              from the annotations and from the backup's start, which Velero keeps in the status. Who could write the \
              phase could have Velero begin the backup again, with a new expiration.",
        bad: include_str!("../examples/BKP351.bad.yaml"),
        good: include_str!("../examples/BKP351.good.yaml"),
        operation: Operation::Update,
        facts: &[NOW],
        given: at_new_year,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

/// What would have Velero begin the backup again, with a new expiration, or look for it elsewhere.
///
/// Velero's sync deletes a backup whose label names a location that does not hold it.
fn veleros() -> [FieldPath; 3] {
    let label = FieldPath::root().label("velero.io/storage-location");
    [FieldPath::of(&["status", "phase"]), FieldPath::of(&["spec", "storageLocation"]), label]
}

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(old) = subject.old.filter(|_| subject.kind == Kind::Backup && !subject.is_terminating()) else {
        return Ok(Vec::new());
    };
    let Some(before) = Lock::end_of(old) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    // What is written now must be readable; what was not before stays as it is.
    let after = if lock_unreadable::changed(subject) {
        Lock::readable(subject.object).end(subject.object, None)
    } else {
        Lock::end_of(subject.object)
    };
    let end = Lock::shown(before);
    if after.is_none_or(|after| after < before) {
        let name = if annotation(old, LOCKED_UNTIL).is_some() { LOCKED_UNTIL } else { LOCK_FOR };
        let message = format!("the backup is locked {end}, and until then the lock can only be made longer");
        found.push(Violation::at(FieldPath::root().annotation(name), message));
    }
    for path in veleros() {
        if path.find(old) != path.find(subject.object) {
            let message = format!("the backup is locked {end}, and until then only Velero writes this");
            found.push(Violation::at(path, message));
        }
    }
    if found.is_empty() || before <= facts.now.ok_or(Missing(NOW))? {
        return Ok(Vec::new());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{at_new_year, fixture::told};
    use crate::{
        Kind, Subject,
        names::{LOCK_FOR, LOCKED_UNTIL},
    };

    fn said(old: (&str, &str), new: (&str, &str), start: &str) -> String {
        let backup = |(name, value): (&str, &str), start: &str| {
            json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"annotations": {name: value}},
                "status": {"startTimestamp": start}})
        };
        let (old, new) = (backup(old, "2025-12-31T00:00:00Z"), backup(new, start));
        told(super::check, &Subject::write(Kind::Backup, &new, Some(&old)), &at_new_year())
    }

    #[test]
    fn until_its_end_a_lock_gets_only_longer() {
        let start = "2025-12-31T00:00:00Z";
        let lock = (LOCKED_UNTIL, "2026-12-31T00:00:00Z");
        insta::assert_snapshot!(said(lock, (LOCKED_UNTIL, "2026-12-30T00:00:00Z"), start), @"metadata.annotations[kubectl-backup.dev/locked-until]: the backup is locked until 2026-12-31T00:00:00Z, and until then the lock can only be made longer");
        assert_ne!(said(lock, ("other", ""), start), "", "taken off");
        assert_ne!(said(lock, (LOCKED_UNTIL, "forever"), start), "", "made unreadable");
        assert_eq!(said(lock, (LOCKED_UNTIL, "2027-01-01T00:00:00Z"), start), "");
        assert_eq!(said(lock, (LOCK_FOR, "9000h"), start), "", "in other words");
        assert_eq!(said((LOCKED_UNTIL, "2025-12-31T00:00:00Z"), ("other", ""), start), "", "it has ended");
    }

    #[test]
    fn velero_is_not_made_to_begin_a_locked_backup_again() {
        let backup = |phase: &str, expiration: &str| {
            json!({"apiVersion": "velero.io/v1", "kind": "Backup",
                "metadata": {"annotations": {LOCKED_UNTIL: "2026-12-31T00:00:00Z"}},
                "status": {"phase": phase, "expiration": expiration}})
        };
        let (old, again) = (backup("Completed", "2027-01-01T00:00:00Z"), backup("New", "2027-01-01T00:00:00Z"));
        let longer = backup("Completed", "2028-01-01T00:00:00Z");
        let update = |new| told(super::check, &Subject::write(Kind::Backup, new, Some(&old)), &at_new_year());
        insta::assert_snapshot!(update(&again), @"status.phase: the backup is locked until 2026-12-31T00:00:00Z, and until then only Velero writes this");
        assert_eq!(update(&longer), "");
    }

    #[test]
    fn a_locked_backup_is_not_given_to_another_location() {
        let backup = |location: &str, note: &str| {
            json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {
                "annotations": {LOCKED_UNTIL: "2026-12-31T00:00:00Z"},
                "labels": {"velero.io/storage-location": location, "note": note}}})
        };
        let (old, moved, noted) = (backup("default", ""), backup("other", ""), backup("default", "mine"));
        let update = |new| told(super::check, &Subject::write(Kind::Backup, new, Some(&old)), &at_new_year());
        insta::assert_snapshot!(update(&moved), @"metadata.labels[velero.io/storage-location]: the backup is locked until 2026-12-31T00:00:00Z, and until then only Velero writes this");
        assert_eq!(update(&noted), "");
    }

    #[test]
    fn an_unreadable_lock_stays_until_an_exempt_account_mends_it() {
        let start = "2025-12-31T00:00:00Z";
        let lock = (LOCKED_UNTIL, "forever");
        assert_eq!(said(lock, lock, start), "");
        assert_ne!(said(lock, ("other", ""), start), "");
    }

    #[test]
    fn the_start_is_not_moved_to_shorten_it() {
        let lock = (LOCK_FOR, "720h");
        insta::assert_snapshot!(said(lock, lock, "2025-01-01T00:00:00Z"), @"metadata.annotations[kubectl-backup.dev/lock-for]: the backup is locked until 2026-01-30T00:00:00Z, and until then the lock can only be made longer");
        assert_eq!(said(lock, lock, "2025-12-31T00:00:00Z"), "");
    }
}
