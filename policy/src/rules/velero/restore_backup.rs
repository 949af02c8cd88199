//! BKP331: only a backup that is done can be restored.

use super::short;
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{BackupFact, Lookup, Spec, VeleroFacts, phase_is_restorable},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP331",
    severity: Severity::Deny,
    title: "A Restore's backup is there and done",
    page: Page {
        why: "Velero fails the validation of a restore whose backup does not exist. One that failed, or is still being \
              made, has no contents yet or only a part of them: Velero up to 1.18 begins such a restore all the same, \
              and fails or restores less than there was.",
        bad: include_str!("../examples/BKP331.bad.yaml"),
        good: include_str!("../examples/BKP331.good.yaml"),
        operation: Operation::Create,
        facts: &[BACKUP],
        given: || with_backup(Some(Lookup::Found(BackupFact { phase: "Failed".to_owned(), ..BackupFact::default() }))),
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

const BACKUP: &str = "the backup";

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(spec) = Spec::own(subject, &[Kind::Restore], &["backupName"]) else { return Ok(Vec::new()) };
    let Some(name) = spec.text("backupName").filter(|_| spec.text("scheduleName").is_none()) else {
        return Ok(Vec::new());
    };
    let message = match facts.velero.backup.as_ref().ok_or(Missing(BACKUP))? {
        Lookup::Found(backup) if phase_is_restorable(&backup.phase) => return Ok(Vec::new()),
        Lookup::Found(backup) if backup.phase.is_empty() => format!("Velero has not begun the backup {}", short(name)),
        Lookup::Found(backup) => {
            format!(
                "the backup {} is in phase {}, and only one that is done can be restored",
                short(name),
                backup.phase
            )
        }
        Lookup::Absent => format!(
            "there is no Backup {} in this namespace; one that another cluster made appears when Velero has read its \
             location, within a minute",
            short(name)
        ),
    };
    Ok(vec![Violation::at(spec.path("backupName"), message)])
}

fn with_backup(backup: Option<Lookup<BackupFact>>) -> Facts {
    Facts { velero: VeleroFacts { backup, ..VeleroFacts::default() }, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;
    use super::with_backup;
    use crate::velero::{BackupFact, Lookup};

    #[test]
    fn the_backup_is_there_and_done() {
        let said = |fact| said_with(super::check, "Restore", &json!({"backupName": "a"}), &with_backup(fact));
        let phase = |phase: &str| Some(Lookup::Found(BackupFact { phase: phase.to_owned(), ..BackupFact::default() }));
        insta::assert_snapshot!(said(Some(Lookup::Absent)), @r#"spec.backupName: there is no Backup "a" in this namespace; one that another cluster made appears when Velero has read its location, within a minute"#);
        insta::assert_snapshot!(said(phase("InProgress")), @r#"spec.backupName: the backup "a" is in phase InProgress, and only one that is done can be restored"#);
        insta::assert_snapshot!(said(phase("")), @r#"spec.backupName: Velero has not begun the backup "a""#);
        assert_eq!(said(phase("Completed")), "");
        assert_eq!(said(phase("PartiallyFailed")), "");
        insta::assert_snapshot!(said(None), @"not evaluated: the backup");
    }
}
