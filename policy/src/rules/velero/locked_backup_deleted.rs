//! BKP352: a locked backup stays.

use serde_json::Value;

use super::{NOW, at_new_year};
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
              What is done to the object store itself, past Kubernetes, no webhook sees.",
        bad: include_str!("../examples/BKP352.bad.yaml"),
        good: include_str!("../examples/BKP352.good.yaml"),
        operation: Operation::Delete,
        facts: &[NOW, "the backup that a DeleteBackupRequest names"],
        given: at_new_year,
    },
    check: Check::Operation(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    // Velero acts upon a request that is being deleted, too.
    if subject.is_terminating() && subject.kind != Kind::DeleteBackupRequest {
        return Ok(Vec::new());
    }
    let (end, path) = match (subject.kind, subject.operation) {
        (Kind::Backup, Operation::Delete) => (Lock::end_of(subject.object), FieldPath::of(&["metadata", "name"])),
        (Kind::DeleteBackupRequest, Operation::Create | Operation::Update) if asks(subject) => {
            let backup = facts.velero.backup.as_ref().ok_or(Missing("the backup that a DeleteBackupRequest names"))?;
            let end = match backup {
                Lookup::Found(backup) => backup.locked_until,
                Lookup::Absent => None,
            };
            (end, FieldPath::of(&["spec", "backupName"]))
        }
        _ => return Ok(Vec::new()),
    };
    let Some(end) = end else { return Ok(Vec::new()) };
    if end <= facts.now.ok_or(Missing(NOW))? {
        return Ok(Vec::new());
    }
    let message = format!("the backup is locked {}, and cannot be deleted before", Lock::shown(end));
    Ok(vec![Violation::at(path, message)])
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
        velero::{BackupFact, Lookup, VeleroFacts},
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
