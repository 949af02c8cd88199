//! BKP315: a backup into a location that takes none fails.

use super::{LOCATIONS, later, short, with_locations};
use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
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
        given: || {
            with_locations(&[
                ("default", true, false, true),
                ("archive", false, true, true),
                ("broken", false, false, false),
            ])
        },
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(spec) = Spec::touched(subject, BACKUPS, &["storageLocation"]) else { return Ok(Vec::new()) };
    let locations = facts.velero.locations.as_ref().ok_or(Missing(LOCATIONS))?;
    let location = match spec.text("storageLocation") {
        Some(name) => locations.iter().find(|location| location.name == name),
        None => {
            let marked = locations.iter().find(|location| location.is_default);
            marked.or_else(|| locations.iter().find(|location| location.name == "default"))
        }
    };
    let message = match location {
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
    let violation = Violation::at(spec.path("storageLocation"), message);
    // One that is neither named nor marked is Velero's choice only if the server has no other default.
    let other_default = spec.text("storageLocation").is_none() && !location.is_some_and(|location| location.is_default);
    Ok(vec![if other_default { violation.harmless() } else { later(&spec, violation) }])
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
