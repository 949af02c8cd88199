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
        why: "Velero fails the validation of a restore whose backup does not exist. It does not look at the backup's \
              phase: one that Velero has not made yet has no contents, and its restore fails; one that failed, or is \
              being finished, may have a part of them, and the author of its restore is told that it may lack some.",
        bad: include_str!("../examples/BKP331.bad.yaml"),
        good: include_str!("../examples/BKP331.good.yaml"),
        operation: Operation::Create,
        facts: &[BACKUP],
        given: || {
            with_backup(Some(Lookup::Found(BackupFact {
                phase: "FailedValidation".to_owned(),
                ..BackupFact::default()
            })))
        },
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
    let missing = |message| Ok(vec![Violation::at(spec.path("backupName"), message)]);
    match facts.velero.backup.as_ref().ok_or(Missing(BACKUP))? {
        Lookup::Found(backup) if phase_is_restorable(&backup.phase) => Ok(Vec::new()),
        Lookup::Found(backup) if backup.phase.is_empty() => {
            missing(format!("Velero has not begun the backup {}", short(name)))
        }
        Lookup::Found(backup) if phase_has_a_part(&backup.phase) => {
            let (name, phase) = (short(name), &backup.phase);
            let message = format!("the backup {name} is in phase {phase}: not all of it may be there to restore");
            Ok(vec![Violation::at(spec.path("backupName"), message).harmless()])
        }
        Lookup::Found(backup) => missing(format!(
            "the backup {} is in phase {}, and has nothing that can be restored",
            short(name),
            backup.phase
        )),
        Lookup::Absent => missing(format!(
            "there is no Backup {} in this namespace; one that another cluster made appears when Velero has read its \
             location, within a minute",
            short(name)
        )),
    }
}

/// Whether Velero may have stored a part of a backup of this phase, so that a restore of it is worth a try.
fn phase_has_a_part(phase: &str) -> bool {
    phase == "Failed" || phase.starts_with("Finalizing") || phase.starts_with("WaitingForPluginOperations")
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
        insta::assert_snapshot!(said(phase("InProgress")), @r#"spec.backupName: the backup "a" is in phase InProgress, and has nothing that can be restored"#);
        insta::assert_snapshot!(said(phase("")), @r#"spec.backupName: Velero has not begun the backup "a""#);
        for refused in ["New", "Queued", "ReadyToStart", "FailedValidation", "Deleting"] {
            assert!(said(phase(refused)).ends_with("nothing that can be restored"), "{refused}");
        }
        insta::assert_snapshot!(said(phase("Failed")), @r#"spec.backupName: the backup "a" is in phase Failed: not all of it may be there to restore (harmless)"#);
        for told in [
            "Finalizing",
            "FinalizingPartiallyFailed",
            "WaitingForPluginOperations",
            "WaitingForPluginOperationsPartiallyFailed",
        ] {
            assert!(said(phase(told)).ends_with("(harmless)"), "{told}");
        }
        assert_eq!(said(phase("Completed")), "");
        assert_eq!(said(phase("PartiallyFailed")), "");
        insta::assert_snapshot!(said(None), @"not evaluated: the backup");
    }
}
