//! BKP102: an entry without a name is a slip, mostly a lost name. Velero passes over it and finds all the others.

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
    code: "BKP102",
    severity: Severity::Warn,
    title: "A list of volumes has no empty entries",
    page: Page {
        why: "Velero compares each entry of the list with the names of the pod's volumes, and no volume has an \
              empty name. Nothing is lost by an empty entry as such, but mostly a name was to stand there.",
        bad: include_str!("examples/BKP102.bad.yaml"),
        good: include_str!("examples/BKP102.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let empty = |list: &VolumeList<'_>| list.entries.iter().any(|entry| pieces(entry).next().is_none());
    VolumeList::of(pod).filter(empty).map(|list| explain(&list)).collect()
}

fn explain(list: &VolumeList<'_>) -> Violation {
    let message = format!("{} has an empty entry; {}", quoted(&list.entries.join(",")), list.rewritten());
    list.violation(message).fixed_by(list.respelled())
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let strip = SEPARATORS.map(|char| format!(".replace({}, '')", literal(&char.to_string()))).concat();
    let check = |list: &&ListVariables| {
        let path = scope.annotation_path(list.annotation);
        let expression = format!("{}.all(e, e{strip} != '')", list.entries);
        CelCheck::new(path, expression, "the list has an empty entry; take it out").saying(format!(
            "'the list has an empty entry; ' + ({0}.size() == 0 ? 'remove the annotation' : 'write \"' + {0}.join(',') + '\"')",
            list.names
        ))
    };
    LISTS.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::BACKUP_VOLUMES;

    #[test]
    fn a_comma_with_nothing_beside_it_is_found() {
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "data,,logs,")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: "data,,logs," has an empty entry; write "data,logs""#);
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, " ")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: " " has an empty entry; remove the annotation"#);
    }

    #[test]
    fn an_annotation_without_text_says_nothing() {
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES, "")]), "");
    }
}
