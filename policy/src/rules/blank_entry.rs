//! BKP101: Velero cuts the list at commas only, so that a blank becomes part of a volume's name.

use super::{
    Cel, Check, Page, Rule, Violation,
    volume_list::{VolumeList, quoted},
};
use crate::{Facts, Operation, Severity, pod::Pod};

pub(super) const RULE: Rule = Rule {
    code: "BKP101",
    severity: Severity::Deny,
    title: "Volume names are separated by commas without blanks",
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
    cel: Cel::LeftOut("not yet written"),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    VolumeList::of(pod)
        .flat_map(|list| {
            let blank = |entry: &&&str| !entry.trim().is_empty() && entry.trim() != **entry;
            let found: Vec<_> = list.entries.iter().filter(blank).collect();
            list.tell(&found, |entry| explain(&list, entry))
        })
        .collect()
}

fn explain(list: &VolumeList<'_>, entry: &str) -> Violation {
    list.violation(format!(
        "{} has a blank beside the comma, which Velero reads as part of the volume's name and so finds no volume; {}",
        quoted(entry),
        list.rewritten()
    ))
    .fixed_by(list.respelled())
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
}
