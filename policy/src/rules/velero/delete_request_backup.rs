//! BKP340: there is nothing to delete where there is no backup.

use super::short;
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{BackupFact, Lookup, Spec, VeleroFacts},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP340",
    severity: Severity::Deny,
    title: "A DeleteBackupRequest names a backup that exists",
    page: Page {
        why: "Velero answers a request for a backup that is not there, or for none at all, with an error in the \
              request's status, which nobody looks at, and drops the request (backup_deletion_controller.go).",
        bad: include_str!("../examples/BKP340.bad.yaml"),
        good: include_str!("../examples/BKP340.good.yaml"),
        operation: Operation::Create,
        facts: &[BACKUP],
        given: there,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

const BACKUP: &str = "the backup";

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(spec) = Spec::own(subject, &[Kind::DeleteBackupRequest], &["backupName"]) else { return Ok(Vec::new()) };
    let message = match spec.text("backupName") {
        None => "no backup is named".to_owned(),
        Some(name) => match facts.velero.backup.as_ref().ok_or(Missing(BACKUP))? {
            Lookup::Found(_) => return Ok(Vec::new()),
            Lookup::Absent => format!("there is no Backup {} in this namespace", short(name)),
        },
    };
    Ok(vec![Violation::at(spec.path("backupName"), message)])
}

fn there() -> Facts {
    let backup = Some(Lookup::Found(BackupFact::default()));
    Facts { velero: VeleroFacts { backup, ..VeleroFacts::default() }, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;
    use crate::{
        Facts,
        velero::{Lookup, VeleroFacts},
    };

    #[test]
    fn the_backup_is_there() {
        let said = |spec: serde_json::Value, facts| said_with(super::check, "DeleteBackupRequest", &spec, &facts);
        let absent = VeleroFacts { backup: Some(Lookup::Absent), ..VeleroFacts::default() };
        let absent = Facts { velero: absent, ..Facts::default() };
        insta::assert_snapshot!(said(json!({"backupName": "a"}), absent), @r#"spec.backupName: there is no Backup "a" in this namespace"#);
        insta::assert_snapshot!(said(json!({}), Facts::default()), @"spec.backupName: no backup is named");
        assert_eq!(said(json!({"backupName": "a"}), super::there()), "");
    }
}
