//! BKP314: a backup without a place to be kept in fails.

use super::{
    LOCATIONS, MANY,
    chosen_location::{Chosen, three_locations},
    short,
};
use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule},
    velero::{BACKUPS, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP314",
    severity: Severity::Deny,
    title: "A backup's storage location exists",
    page: Page {
        why: "Velero keeps each backup in a BackupStorageLocation of its own namespace: the one that is named, else the \
              one marked as default, else the one of the server's option --default-backup-storage-location, by default \
              one named default. Where that option may help, the author is told and not refused. Without a location the backup fails its validation \
              (backup_controller.go), and in a namespace without Velero nobody looks at it at all.",
        bad: include_str!("../examples/BKP314.bad.yaml"),
        good: include_str!("../examples/BKP314.good.yaml"),
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
    if chosen.location.is_some() {
        return Ok(Vec::new());
    }
    let message = match spec.text("storageLocation") {
        Some(name) => format!("there is no BackupStorageLocation {} in this namespace", short(name)),
        None => "no BackupStorageLocation of this namespace is the default".to_owned(),
    };
    let known: Vec<_> = locations.iter().map(|location| location.name.as_str()).take(MANY).collect();
    let way_out = if known.is_empty() {
        "the namespace has none: Velero looks only at its own namespace".to_owned()
    } else {
        format!("name one of: {}", known.join(", "))
    };
    Ok(vec![chosen.told(&spec, format!("{message}; {way_out}"))])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;
    use super::super::with_locations;
    use crate::Facts;

    #[test]
    fn a_location_is_named_or_the_default() {
        let facts = with_locations(&[("main", false, false, true)]);
        let said = |kind: &str, spec: serde_json::Value| said_with(super::check, kind, &spec, &facts);
        insta::assert_snapshot!(said("Backup", json!({"storageLocation": "offsite"})), @r#"spec.storageLocation: there is no BackupStorageLocation "offsite" in this namespace; name one of: main"#);
        insta::assert_snapshot!(said("Backup", json!({})), @"spec.storageLocation: no BackupStorageLocation of this namespace is the default; name one of: main (harmless)");
        insta::assert_snapshot!(said("Schedule", json!({"template": {}})), @"spec.template.storageLocation: no BackupStorageLocation of this namespace is the default; name one of: main (harmless)");
        assert_eq!(said("Backup", json!({"storageLocation": "main"})), "");
        insta::assert_snapshot!(said_with(super::check, "Backup", &json!({}), &with_locations(&[])), @"spec.storageLocation: no BackupStorageLocation of this namespace is the default; the namespace has none: Velero looks only at its own namespace");
        assert_eq!(
            said_with(super::check, "Backup", &json!({}), &with_locations(&[("default", false, false, true)])),
            ""
        );
        insta::assert_snapshot!(said_with(super::check, "Backup", &json!({}), &Facts::default()), @"not evaluated: the BackupStorageLocations");
    }
}
