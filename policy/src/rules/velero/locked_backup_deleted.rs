//! BKP352: a locked backup stays.

use backup_api::labels::{VELERO_BACKUP_NAME, velero_label_may_be_shared};
use jiff::Timestamp;
use serde_json::Value;

use super::{NOW, at_new_year, short};
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{Lock, Lookup},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP352",
    severity: Severity::Deny,
    title: "A locked backup is not deleted",
    page: Page {
        why: "A DeleteBackupRequest makes Velero delete the backup's data, and the deletion of a Backup object takes it \
              out of sight. Both are refused for a backup whose lock has not ended, to everybody but exempt accounts. \
              Velero finds a backup's data by a label that cannot hold a name over 63 characters: it cuts the name and \
              adds six digits of its hash (pkg/label/label.go). Whoever deletes the backup that has this value as its \
              name, or another with the same, deletes the data of both, so that this is refused as long as one of them \
              is locked. What is done to the object store itself, past Kubernetes, no webhook sees.",
        bad: include_str!("../examples/BKP352.bad.yaml"),
        good: include_str!("../examples/BKP352.good.yaml"),
        operation: Operation::Delete,
        facts: &[NOW, NAMED, NAMESAKES],
        given: at_new_year,
    },
    check: Check::Operation(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

const NAMED: &str = "the backup that a DeleteBackupRequest names";
const NAMESAKES: &str = "the locked backups that Velero does not tell from it";

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    // Velero acts upon a request that is being deleted, too.
    if subject.is_terminating() && subject.kind != Kind::DeleteBackupRequest {
        return Ok(Vec::new());
    }
    match (subject.kind, subject.operation) {
        (Kind::Backup, Operation::Delete) => {
            let own = holds(Lock::end_of(subject.object), facts)?;
            Ok(own.map(|end| Violation::at(FieldPath::of(&["metadata", "name"]), locked(end))).into_iter().collect())
        }
        (Kind::DeleteBackupRequest, Operation::Create | Operation::Update) if asks(subject) => {
            let message = asked(subject.object, facts)?;
            Ok(message.map(|it| Violation::at(FieldPath::of(&["spec", "backupName"]), it)).into_iter().collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// What speaks against doing what the request asks for.
fn asked(request: &Value, facts: &Facts) -> Result<Option<String>, Missing> {
    let own = match facts.velero.backup.as_ref().ok_or(Missing(NAMED))? {
        Lookup::Found(backup) => backup.locked_until,
        Lookup::Absent => None,
    };
    if let Some(end) = holds(own, facts)? {
        return Ok(Some(locked(end)));
    }
    // Also when there is no backup of that name: there may be one when Velero gets to the request.
    let name = request.pointer("/spec/backupName").and_then(Value::as_str).unwrap_or_default();
    if !velero_label_may_be_shared(name) {
        return Ok(None);
    }
    let Lookup::Found(other) = facts.velero.locked_namesake.as_ref().ok_or(Missing(NAMESAKES))? else {
        return Ok(None);
    };
    Ok(holds(Some(other.until), facts)?.map(|end| {
        let (name, until) = (short(&other.name), Lock::shown(end));
        format!(
            "Velero finds the data of the backup {name} by the same value of the label {VELERO_BACKUP_NAME}, and would delete \
             it too; that one is locked {until}, and cannot be deleted before"
        )
    }))
}

/// The end of a lock, unless it is past.
fn holds(end: Option<Timestamp>, facts: &Facts) -> Result<Option<Timestamp>, Missing> {
    let Some(end) = end else { return Ok(None) };
    let now = facts.now.ok_or(Missing(NOW))?;
    Ok(Some(end).filter(|end| *end > now))
}

fn locked(end: Timestamp) -> String {
    format!("the backup is locked {}, and cannot be deleted before", Lock::shown(end))
}

/// Whether Velero will act upon the request: one that is done can be asked again through its status.
fn asks(subject: &Subject<'_>) -> bool {
    let part = |object: &Value, name: &str| object.get(name).cloned();
    subject.old.is_none_or(|old| ["spec", "status"].iter().any(|name| part(old, name) != part(subject.object, name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::at_new_year;
    use super::super::fixture::{said_of, told};
    use crate::{
        Facts,
        velero::{BackupFact, LockedBackup, Lookup, VeleroFacts},
    };
    use crate::{Kind, Subject, names::LOCKED_UNTIL};

    fn request(phase: &str) -> serde_json::Value {
        json!({"apiVersion": "velero.io/v1", "kind": "DeleteBackupRequest", "spec": {"backupName": "a"}, "status": {"phase": phase}})
    }

    fn locked(until: &str) -> Facts {
        let fact = BackupFact { locked_until: until.parse().ok(), ..BackupFact::default() };
        let velero = VeleroFacts { backup: Some(Lookup::Found(fact)), ..VeleroFacts::default() };
        Facts { velero, ..at_new_year() }
    }

    #[test]
    fn neither_the_object_nor_the_data() {
        let backup = json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"annotations": {LOCKED_UNTIL: "2026-12-31T00:00:00Z"}}});
        let deletion = Subject::deletion(Kind::Backup, &backup);
        insta::assert_snapshot!(told(super::check, &deletion, &at_new_year()), @"metadata.name: the backup is locked until 2026-12-31T00:00:00Z, and cannot be deleted before");
        insta::assert_snapshot!(told(super::check, &deletion, &Facts::default()), @"not evaluated: the time");
        insta::assert_snapshot!(said_of(super::check, &request("New"), &locked("2026-12-31T00:00:00Z")), @"spec.backupName: the backup is locked until 2026-12-31T00:00:00Z, and cannot be deleted before");
        assert_eq!(said_of(super::check, &request("New"), &locked("2025-12-31T00:00:00Z")), "");
        insta::assert_snapshot!(said_of(super::check, &request("New"), &Facts::default()), @"not evaluated: the backup that a DeleteBackupRequest names");
    }

    /// What is said to a request for an unlocked backup of that name, when this other one is locked.
    fn beside(name: &str, other: Option<Lookup<LockedBackup>>) -> String {
        let mut request = request("New");
        request["spec"]["backupName"] = json!(name);
        let backup = Some(Lookup::Found(BackupFact::default()));
        let velero = VeleroFacts { backup, locked_namesake: other, ..VeleroFacts::default() };
        said_of(super::check, &request, &Facts { velero, ..at_new_year() })
    }

    #[test]
    fn the_data_of_another_that_velero_does_not_tell_from_it() {
        let other = |until: &str| {
            let until = until.parse().expect("a time");
            Some(Lookup::Found(LockedBackup { name: "web".to_owned(), until }))
        };
        let decoy = "a".repeat(63);
        insta::assert_snapshot!(beside(&decoy, other("2026-12-31T00:00:00Z")), @r#"spec.backupName: Velero finds the data of the backup "web" by the same value of the label velero.io/backup-name, and would delete it too; that one is locked until 2026-12-31T00:00:00Z, and cannot be deleted before"#);
        assert_eq!(beside(&decoy, other("2025-12-31T00:00:00Z")), "");
        assert_eq!(beside(&decoy, Some(Lookup::Absent)), "");
        insta::assert_snapshot!(beside(&decoy, None), @"not evaluated: the locked backups that Velero does not tell from it");
        assert_eq!(beside("a", None), "", "a short name is its own label value, and nobody else's");
    }

    #[test]
    fn a_request_that_is_being_deleted_is_one() {
        let mut old = request("Processed");
        old["metadata"] = json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]});
        let mut new = old.clone();
        new["spec"]["backupName"] = json!("b");
        new["status"]["phase"] = json!("New");
        let facts = locked("2026-12-31T00:00:00Z");
        assert_ne!(told(super::check, &Subject::write(Kind::DeleteBackupRequest, &new, Some(&old)), &facts), "");
        let mut freed = old.clone();
        freed["metadata"]["finalizers"] = json!([]);
        assert_eq!(told(super::check, &Subject::write(Kind::DeleteBackupRequest, &freed, Some(&old)), &facts), "");
    }

    #[test]
    fn a_lock_that_cannot_be_read_holds() {
        let backup = json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"annotations": {LOCKED_UNTIL: "2026-12-31"}}});
        let deletion = Subject::deletion(Kind::Backup, &backup);
        insta::assert_snapshot!(told(super::check, &deletion, &at_new_year()), @"metadata.name: the backup is locked for ever, or by a lock that cannot be read and that only an exempt account mends, and cannot be deleted before");
    }

    #[test]
    fn an_old_request_does_not_come_to_life_again() {
        let (old, new) = (request("Processed"), request("New"));
        let facts = locked("2026-12-31T00:00:00Z");
        let update = |new, old| told(super::check, &Subject::write(Kind::DeleteBackupRequest, new, Some(old)), &facts);
        assert_ne!(update(&new, &old), "");
        assert_eq!(update(&old, &old), "");
    }
}
