//! BKP315: a backup into a location that takes none fails.

use super::{
    LOCATIONS,
    chosen_location::{Chosen, three_locations},
    short,
};
use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule},
    velero::{BACKUPS, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP315",
    severity: Severity::Deny,
    title: "A backup's storage location can be written",
    page: Page {
        why: "Velero fails the validation of a backup whose BackupStorageLocation has the access mode ReadOnly, or is \
              not in phase Available when the backup is made (backup_controller.go). For a schedule only the time of \
              its runs counts, so that its author is told and not refused.",
        bad: include_str!("../examples/BKP315.bad.yaml"),
        good: include_str!("../examples/BKP315.good.yaml"),
        operation: Operation::Create,
        facts: &[LOCATIONS],
        given: three_locations,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(spec) = Spec::touched(subject, BACKUPS, &["storageLocation"]) else { return Ok(Vec::new()) };
    let locations = facts.velero.locations.as_ref().ok_or(Missing(LOCATIONS))?;
    let chosen = Chosen::by(&spec, locations);
    let message = match chosen.location {
        Some(location) if location.read_only => {
            format!("the BackupStorageLocation {} is read-only; take another one", short(&location.name))
        }
        Some(location) if !location.available => format!(
            "the BackupStorageLocation {0} is not available; see kubectl describe backupstoragelocation {1}",
            short(&location.name),
            location.name
        ),
        _ => return Ok(Vec::new()),
    };
    Ok(vec![chosen.told(&spec, message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;
    use super::super::with_locations;

    #[test]
    fn a_location_is_writable_and_there() {
        let facts = with_locations(&[
            ("main", true, false, true),
            ("archive", false, true, true),
            ("broken", false, false, false),
        ]);
        let said = |kind: &str, spec: serde_json::Value| said_with(super::check, kind, &spec, &facts);
        insta::assert_snapshot!(said("Backup", json!({"storageLocation": "archive"})), @r#"spec.storageLocation: the BackupStorageLocation "archive" is read-only; take another one"#);
        insta::assert_snapshot!(said("Backup", json!({"storageLocation": "broken"})), @r#"spec.storageLocation: the BackupStorageLocation "broken" is not available; see kubectl describe backupstoragelocation broken"#);
        assert!(said("Schedule", json!({"template": {"storageLocation": "broken"}})).ends_with("(harmless)"));
        assert_eq!(said("Backup", json!({})), "");
        let broken = with_locations(&[("default", false, false, false)]);
        assert!(
            said_with(super::check, "Backup", &json!({}), &broken).ends_with("(harmless)"),
            "the server may have another"
        );
        let marked = with_locations(&[("main", true, false, false)]);
        insta::assert_snapshot!(said_with(super::check, "Backup", &json!({}), &marked), @r#"spec.storageLocation: the BackupStorageLocation "main" is not available; see kubectl describe backupstoragelocation main"#);
    }
}
