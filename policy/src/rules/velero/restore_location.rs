//! BKP337: a restore reads its backup from the backup's location.

use super::{LOCATIONS, short, with_locations};
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{BackupFact, Lookup, Spec, VeleroFacts},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP337",
    severity: Severity::Deny,
    title: "The location of a Restore's backup can be read",
    page: Page {
        why: "A restore reads the contents of its backup from the BackupStorageLocation that the backup was written \
              to. When that location is gone, or not in phase Available, the restore fails. A location that is \
              read-only does.",
        bad: include_str!("../examples/BKP337.bad.yaml"),
        good: include_str!("../examples/BKP337.good.yaml"),
        operation: Operation::Create,
        facts: &["the backup", LOCATIONS],
        given: || kept_in("broken"),
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(spec) = Spec::own(subject, &[Kind::Restore], &["backupName"]) else { return Ok(Vec::new()) };
    let Some(name) = spec.text("backupName").filter(|_| spec.text("scheduleName").is_none()) else {
        return Ok(Vec::new());
    };
    let kept_in = match facts.velero.backup.as_ref().ok_or(Missing("the backup"))? {
        // Velero has not chosen its location yet.
        Lookup::Found(backup) if backup.storage_location.is_empty() => return Ok(Vec::new()),
        Lookup::Found(backup) => &backup.storage_location,
        Lookup::Absent => return Ok(Vec::new()),
    };
    let locations = facts.velero.locations.as_ref().ok_or(Missing(LOCATIONS))?;
    let why = match locations.iter().find(|location| location.name == *kept_in) {
        Some(location) if location.available => return Ok(Vec::new()),
        Some(_) => format!("is not available; see kubectl describe backupstoragelocation {kept_in}"),
        None => "does not exist in this namespace; create it again and wait until it is Available".to_owned(),
    };
    let message =
        format!("the backup {} is kept in the BackupStorageLocation {}, which {why}", short(name), short(kept_in));
    Ok(vec![Violation::at(spec.path("backupName"), message)])
}

fn kept_in(storage_location: &str) -> Facts {
    let backup = BackupFact {
        phase: "Completed".to_owned(),
        storage_location: storage_location.to_owned(),
        ..BackupFact::default()
    };
    let known = with_locations(&[("archive", false, true, true), ("broken", false, false, false)]);
    Facts { velero: VeleroFacts { backup: Some(Lookup::Found(backup)), ..known.velero }, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;
    use super::kept_in;
    use crate::{Facts, velero::VeleroFacts};

    #[test]
    fn the_location_of_the_backup_is_there_and_available() {
        let said = |facts: &Facts| said_with(super::check, "Restore", &json!({"backupName": "a"}), facts);
        insta::assert_snapshot!(said(&kept_in("broken")), @r#"spec.backupName: the backup "a" is kept in the BackupStorageLocation "broken", which is not available; see kubectl describe backupstoragelocation broken"#);
        insta::assert_snapshot!(said(&kept_in("gone")), @r#"spec.backupName: the backup "a" is kept in the BackupStorageLocation "gone", which does not exist in this namespace; create it again and wait until it is Available"#);
        assert_eq!(said(&kept_in("archive")), "", "a restore only reads");
        assert_eq!(said(&kept_in("")), "");
        let unknown = VeleroFacts { locations: None, ..kept_in("archive").velero };
        insta::assert_snapshot!(said(&Facts { velero: unknown, ..Facts::default() }), @"not evaluated: the BackupStorageLocations");
        insta::assert_snapshot!(said(&Facts::default()), @"not evaluated: the backup");
    }
}
