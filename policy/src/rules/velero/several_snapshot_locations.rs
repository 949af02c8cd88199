//! BKP323: of several VolumeSnapshotLocations of one provider Velero chooses none by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{MANY, short, with_snapshot_locations};
use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP323",
    severity: Severity::Warn,
    title: "A provider's volume snapshot location is named where there are several",
    page: Page {
        why: "Where a provider has more than one VolumeSnapshotLocation and the backup names none of them, Velero takes \
              the one of its server's --default-volume-snapshot-locations and fails the validation when that names none \
              either (validateAndGetSnapshotLocations), whatever the backup holds, with snapshotVolumes: false as well. As \
              the server may have a default, the author is told and not refused.",
        bad: include_str!("../examples/BKP323.bad.yaml"),
        good: include_str!("../examples/BKP323.good.yaml"),
        operation: Operation::Create,
        facts: &[SNAPSHOT_LOCATIONS],
        given: || with_snapshot_locations(&[("east", "aws"), ("west", "aws")]),
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

pub(super) const SNAPSHOT_LOCATIONS: &str = "the VolumeSnapshotLocations";

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let field = "volumeSnapshotLocations";
    let Some(spec) = Spec::touched(subject, BACKUPS, &[field]) else { return Ok(Vec::new()) };
    let known = facts.velero.snapshot_locations.as_ref().ok_or(Missing(SNAPSHOT_LOCATIONS))?;
    let named: BTreeSet<_> = spec.texts(field).into_iter().collect();
    let mut providers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for location in known {
        providers.entry(&location.provider).or_default().push(&location.name);
    }
    let open = providers.iter().filter(|(_, names)| names.len() > 1 && !names.iter().any(|name| named.contains(name)));
    let tell = |(provider, names): (&&str, &Vec<&str>)| {
        let names: Vec<_> = names.iter().take(MANY).map(|name| short(name)).collect();
        let message = format!(
            "provider {} has several VolumeSnapshotLocations ({}) and none is named: the backup fails, unless Velero's server \
             has a default for it (--default-volume-snapshot-locations); name one of them",
            short(provider),
            names.join(", ")
        );
        Violation::at(spec.path(field), message)
    };
    Ok(open.take(MANY).map(tell).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;
    use super::super::with_snapshot_locations;
    use crate::Facts;

    #[test]
    fn one_of_several_is_named() {
        let facts = with_snapshot_locations(&[("east", "aws"), ("west", "aws"), ("only", "gcp")]);
        let said = |spec: serde_json::Value| said_with(super::check, "Backup", &spec, &facts);
        insta::assert_snapshot!(said(json!({})), @r#"spec.volumeSnapshotLocations: provider "aws" has several VolumeSnapshotLocations ("east", "west") and none is named: the backup fails, unless Velero's server has a default for it (--default-volume-snapshot-locations); name one of them"#);
        assert_ne!(said(json!({"volumeSnapshotLocations": ["only"]})), "", "of another provider");
        assert_eq!(said(json!({"volumeSnapshotLocations": ["west"]})), "");
        assert_ne!(said(json!({"snapshotVolumes": false})), "", "Velero 1.18.3 looks all the same");
        assert_ne!(said_with(super::check, "Schedule", &json!({"template": {}}), &facts), "");
        let one_each = with_snapshot_locations(&[("east", "aws"), ("only", "gcp")]);
        assert_eq!(said_with(super::check, "Backup", &json!({}), &one_each), "");
        let unknown = said_with(super::check, "Backup", &json!({}), &Facts::default());
        assert_eq!(unknown, "not evaluated: the VolumeSnapshotLocations");
    }
}
