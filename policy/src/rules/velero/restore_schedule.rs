//! BKP332: a schedule has something to restore once a backup of it was completed.

use super::short;
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{BackupFact, Spec, VeleroFacts},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP332",
    severity: Severity::Deny,
    title: "A Restore's schedule has a completed backup",
    page: Page {
        why: "A restore that names a schedule takes its latest backup in phase Completed. When there is none, it fails \
              its validation (restore_controller.go), even if there is one in phase PartiallyFailed.",
        bad: include_str!("../examples/BKP332.bad.yaml"),
        good: include_str!("../examples/BKP332.good.yaml"),
        operation: Operation::Create,
        facts: &["the schedule's backups"],
        given: || with_backups(&["Failed"]),
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(spec) = Spec::own(subject, &[Kind::Restore], &["scheduleName"]) else { return Ok(Vec::new()) };
    let name = spec.text("scheduleName").filter(|_| subject.operation == Operation::Create);
    let Some(name) = name.filter(|_| spec.text("backupName").is_none()) else { return Ok(Vec::new()) };
    let backups = facts.velero.backups_of_schedule.as_ref().ok_or(Missing("the schedule's backups"))?;
    if backups.iter().any(|backup| backup.phase == "Completed") {
        return Ok(Vec::new());
    }
    let message = if backups.is_empty() {
        format!("there is no backup of a schedule {}", short(name))
    } else {
        format!(
            "none of the {} backups of schedule {} is Completed; name one as backupName",
            backups.len(),
            short(name)
        )
    };
    Ok(vec![Violation::at(spec.path("scheduleName"), message)])
}

fn with_backups(phases: &[&str]) -> Facts {
    let backup = |phase: &&str| BackupFact { phase: (*phase).to_owned(), ..BackupFact::default() };
    let backups_of_schedule = Some(phases.iter().map(backup).collect());
    Facts { velero: VeleroFacts { backups_of_schedule, ..VeleroFacts::default() }, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;
    use super::with_backups;

    #[test]
    fn one_of_the_backups_is_completed() {
        let said =
            |phases: &[&str]| said_with(super::check, "Restore", &json!({"scheduleName": "a"}), &with_backups(phases));
        insta::assert_snapshot!(said(&[]), @r#"spec.scheduleName: there is no backup of a schedule "a""#);
        insta::assert_snapshot!(said(&["PartiallyFailed", "Failed"]), @r#"spec.scheduleName: none of the 2 backups of schedule "a" is Completed; name one as backupName"#);
        assert_eq!(said(&["Failed", "Completed"]), "");
    }
}
