//! BKP101: Velero cuts the list at commas only, so that a blank becomes part of a volume's name.

use super::{
    Cel, Check, Page, Rule, Violation,
    volume_list::{SEPARATORS, VolumeList, pieces, quoted},
};
use crate::{
    Facts, Operation, Severity,
    pod::Pod,
    vap::{CelCheck, LISTS, ListVariables, Scope, literal},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP101",
    severity: Severity::Deny,
    title: "Volume names are separated by commas and nothing else",
    page: Page {
        why: "Velero cuts the list at its commas and takes what lies between them as it stands \
              (pkg/util/podvolume/pod_volume.go, strings.Split). A blank becomes part of the name, no volume is \
              called so, and the volume is not backed up. The backup is Completed all the same.",
        bad: include_str!("examples/BKP101.bad.yaml"),
        good: include_str!("examples/BKP101.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    VolumeList::of(pod)
        .flat_map(|list| {
            let foreign = |entry: &&&str| entry.contains(SEPARATORS) && pieces(entry).next().is_some();
            let found: Vec<_> = list.entries.iter().filter(foreign).collect();
            list.tell(&found, |entry| explain(&list, entry))
        })
        .collect()
}

fn explain(list: &VolumeList<'_>, entry: &str) -> Violation {
    let inner = entry.trim();
    let what = match inner.chars().find(|char| SEPARATORS.contains(char)) {
        None => "a blank beside the comma".to_owned(),
        Some(char) => format!("{} in it", quoted(&char.to_string())),
    };
    list.violation(format!(
        "{} has {what}, which Velero reads as part of the volume's name and so finds no volume; {}",
        quoted(entry),
        list.rewritten()
    ))
    .fixed_by(list.respelled())
}

/// A regular expression for one of the characters that stand where only a comma may.
fn foreign(negated: &str) -> String {
    let escaped = |char: char| if "[]|+{}".contains(char) { format!("\\{char}") } else { char.to_string() };
    literal(&format!("[{negated}{}]", SEPARATORS.map(escaped).concat()))
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let (foreign, name) = (foreign(""), foreign("^"));
    let check = |list: &&ListVariables| {
        let path = scope.annotation_path(list.annotation);
        let expression = format!("{}.all(e, !e.matches({foreign}) || !e.matches({name}))", list.entries);
        CelCheck::new(path, expression, "the list has something else between its names than commas, which Velero reads as part of a volume's name and so finds no volume; separate the names by commas alone")
            .saying(format!(
                "'the list has something else between its names than commas, which Velero reads as part of a volume\\'s \
                 name and so finds no volume; write \"' + {}.join(',') + '\"'",
                list.names
            ))
    };
    LISTS.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES};

    #[test]
    fn a_blank_after_the_comma_is_found_in_both_lists() {
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "data, logs")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: " logs" has a blank beside the comma, which Velero reads as part of the volume's name and so finds no volume; write "data,logs""#);
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES_EXCLUDES, "data\t,logs")]), @r#"metadata.annotations[backup.velero.io/backup-volumes-excludes]: "data\t" has a blank beside the comma, which Velero reads as part of the volume's name and so finds no volume; write "data,logs""#);
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES, "data,logs")]), "");
    }

    #[test]
    fn other_separators_than_commas_are_found() {
        for value in ["data;logs", "data logs", "data\nlogs\n", "[\"data\", \"logs\"]", "data|logs", "data\u{a0},logs"]
        {
            let said = said(super::check, &[(BACKUP_VOLUMES, value)]);
            assert!(said.ends_with(r#"write "data,logs""#), "{value}: {said}");
        }
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES, "data, ")]), "", "an empty entry is another rule's matter");
    }
}
