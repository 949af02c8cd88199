//! BKP316: Velero takes one existing VolumeSnapshotLocation for each provider.

use super::{MANY, later, several_snapshot_locations::SNAPSHOT_LOCATIONS, short, with_snapshot_locations};
use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP316",
    severity: Severity::Deny,
    title: "Volume snapshot locations exist, one for each provider",
    page: Page {
        why: "Velero fails the validation of a backup that names a VolumeSnapshotLocation that does not exist, or two \
              of one provider (validateAndGetSnapshotLocations).",
        bad: include_str!("../examples/BKP316.bad.yaml"),
        good: include_str!("../examples/BKP316.good.yaml"),
        operation: Operation::Create,
        facts: &[SNAPSHOT_LOCATIONS],
        given: || with_snapshot_locations(&[("east", "aws"), ("west", "aws")]),
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let field = "volumeSnapshotLocations";
    let Some(spec) = Spec::touched(subject, BACKUPS, &[field]) else { return Ok(Vec::new()) };
    let names = spec.texts(field);
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let known = facts.velero.snapshot_locations.as_ref().ok_or(Missing(SNAPSHOT_LOCATIONS))?;
    let mut found = Vec::new();
    let mut taken: Vec<(&str, &str)> = Vec::new();
    for (at, name) in names.into_iter().enumerate().take(MANY) {
        let tell = |message: String| later(&spec, Violation::at(spec.path(field).index(at), message));
        let Some(location) = known.iter().find(|location| location.name == name) else {
            found.push(tell(format!("there is no VolumeSnapshotLocation {} in this namespace", short(name))));
            continue;
        };
        match taken.iter().find(|(provider, other)| *provider == location.provider && *other != name) {
            Some((provider, other)) => {
                found.push(tell(format!("{other} is a location of provider {provider} as well; name one of them")));
            }
            None => taken.push((&location.provider, name)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;
    use super::super::with_snapshot_locations;
    use crate::Facts;

    #[test]
    fn one_that_exists_for_each_provider() {
        let facts = with_snapshot_locations(&[("east", "aws"), ("west", "aws"), ("gcp", "gcp")]);
        let said =
            |names: &[&str]| said_with(super::check, "Backup", &json!({"volumeSnapshotLocations": names}), &facts);
        insta::assert_snapshot!(said(&["east", "west", "north"]), @r#"
        spec.volumeSnapshotLocations[1]: east is a location of provider aws as well; name one of them
        spec.volumeSnapshotLocations[2]: there is no VolumeSnapshotLocation "north" in this namespace
        "#);
        assert_eq!(said(&["east", "gcp", "east"]), "");
        assert_eq!(said_with(super::check, "Backup", &json!({}), &Facts::default()), "", "nothing to know");
    }
}
