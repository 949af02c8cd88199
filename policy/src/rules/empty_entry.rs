//! BKP102: an entry without a name is a slip, mostly a lost name. Velero passes over it and finds all the others.

use super::{
    Check, Rule, Violation,
    volume_list::{VolumeList, quoted},
};
use crate::{Severity, pod::Pod};

pub(super) const RULE: Rule = Rule {
    code: "BKP102",
    severity: Severity::Warn,
    title: "A list of volumes has no empty entries",
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let empty = |list: &VolumeList<'_>| list.entries.iter().any(|entry| entry.trim().is_empty());
    VolumeList::of(pod).filter(empty).map(|list| explain(&list)).collect()
}

fn explain(list: &VolumeList<'_>) -> Violation {
    list.violation(format!("{} has an empty entry; {}", quoted(&list.entries.join(",")), list.rewritten()))
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
