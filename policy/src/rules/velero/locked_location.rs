//! BKP355: a location that holds a locked backup stays what it is.

use serde_json::Value;

use super::{NOW, at_new_year, short};
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{Lock, LockedBackup, Lookup, VeleroFacts},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP355",
    severity: Severity::Deny,
    title: "A BackupStorageLocation with locked backups is neither deleted nor pointed elsewhere",
    page: Page {
        why: "Velero compares its Backups with what it finds in their location, and deletes those that it does not find \
              there (backup_sync_controller.go). Whoever points the location at another bucket or prefix, or takes it \
              away and makes another of its name, has locked backups deleted by Velero itself. Make another location \
              instead, or wait until the last lock has ended. Credentials and the access mode can be changed: who reads \
              only deletes nothing.",
        bad: include_str!("../examples/BKP355.bad.yaml"),
        good: include_str!("../examples/BKP355.good.yaml"),
        operation: Operation::Update,
        facts: &[NOW, LOCKED],
        given: || locked("2026-12-31T00:00:00Z"),
    },
    check: Check::Operation(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

const LOCKED: &str = "the locked backups of the location";

/// What says where a location's backups are.
const PLACE: [&[&str]; 4] = [
    &["spec", "provider"],
    &["spec", "objectStorage", "bucket"],
    &["spec", "objectStorage", "prefix"],
    &["spec", "config"],
];

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    // Velero works with a location for as long as it exists, also while it is being deleted.
    let deleted_before = subject.operation == Operation::Delete && subject.is_terminating();
    if subject.kind != Kind::BackupStorageLocation || deleted_before {
        return Ok(Vec::new());
    }
    let moved: Vec<_> = match (subject.operation, subject.old) {
        (Operation::Delete, _) => vec![FieldPath::of(&["metadata", "name"])],
        (Operation::Update, Some(old)) => {
            PLACE.into_iter().map(FieldPath::of).filter(|path| said(path, old) != said(path, subject.object)).collect()
        }
        _ => return Ok(Vec::new()),
    };
    if moved.is_empty() {
        return Ok(Vec::new());
    }
    let backup = match facts.velero.locked_backup.as_ref().ok_or(Missing(LOCKED))? {
        Lookup::Found(backup) => backup,
        Lookup::Absent => return Ok(Vec::new()),
    };
    if backup.until <= facts.now.ok_or(Missing(NOW))? {
        return Ok(Vec::new());
    }
    let (name, end) = (short(&backup.name), Lock::shown(backup.until));
    let message = format!(
        "the location holds the backup {name}, which is locked {end}; Velero deletes the Backups that it does not find in \
         their location. Make another location, and leave this one"
    );
    Ok(moved.into_iter().map(|path| Violation::at(path, message.clone())).collect())
}

/// What stands there; an empty text says as little as none.
fn said<'a>(path: &FieldPath, location: &'a Value) -> Option<&'a Value> {
    let empty =
        |value: &Value| value.is_null() || value == "" || value.as_object().is_some_and(serde_json::Map::is_empty);
    path.find(location).filter(|value| !empty(value))
}

fn locked(until: &str) -> Facts {
    let until = until.parse().unwrap_or_default();
    let locked_backup = Some(Lookup::Found(LockedBackup { name: "web".to_owned(), until }));
    Facts { velero: VeleroFacts { locked_backup, ..VeleroFacts::default() }, ..at_new_year() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::fixture::told, locked};
    use crate::{Facts, Kind, Subject};

    fn location(bucket: &str, prefix: &str, mode: &str) -> Value {
        json!({"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation", "metadata": {"name": "default"},
            "spec": {"provider": "aws", "objectStorage": {"bucket": bucket, "prefix": prefix}, "accessMode": mode}})
    }

    fn update(new: &Value, facts: &Facts) -> String {
        let old = location("a", "", "ReadWrite");
        told(super::check, &Subject::write(Kind::BackupStorageLocation, new, Some(&old)), facts)
    }

    #[test]
    fn its_place_stays_while_a_backup_there_is_locked() {
        let facts = locked("2026-12-31T00:00:00Z");
        insta::assert_snapshot!(update(&location("b", "", "ReadWrite"), &facts), @r#"spec.objectStorage.bucket: the location holds the backup "web", which is locked until 2026-12-31T00:00:00Z; Velero deletes the Backups that it does not find in their location. Make another location, and leave this one"#);
        assert_ne!(update(&location("a", "other", "ReadWrite"), &facts), "");
        assert_eq!(update(&location("a", "", "ReadOnly"), &facts), "");
        let mut without = location("a", "", "ReadWrite");
        without["spec"]["objectStorage"] = json!({"bucket": "a"});
        assert_eq!(update(&without, &facts), "", "the same in other words");
        assert_eq!(update(&location("b", "", "ReadWrite"), &locked("2025-12-31T00:00:00Z")), "", "the lock has ended");
        insta::assert_snapshot!(update(&location("b", "", "ReadWrite"), &Facts::default()), @"not evaluated: the locked backups of the location");
    }

    #[test]
    fn it_is_not_deleted_either() {
        let location = location("a", "", "ReadWrite");
        let deletion = Subject::deletion(Kind::BackupStorageLocation, &location);
        assert_ne!(told(super::check, &deletion, &locked("2026-12-31T00:00:00Z")), "");
        assert_eq!(told(super::check, &deletion, &locked("2025-12-31T00:00:00Z")), "");
    }
}
