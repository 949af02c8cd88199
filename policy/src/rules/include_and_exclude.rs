//! BKP106: which of the two lists counts depends on a setting of the server, so that one name in both is a riddle.

use std::collections::HashSet;

use super::{
    Cel, Check, Page, Rule, Violation,
    volume_list::{VolumeList, quoted},
};
use crate::{
    Facts, Operation, Severity,
    names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES},
    pod::Pod,
    vap::{CelCheck, EXCLUDED, INCLUDED, Scope},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP106",
    severity: Severity::Deny,
    title: "A volume is either included or excluded",
    page: Page {
        why: "Whether Velero follows backup-volumes or backup-volumes-excludes is decided by \
              defaultVolumesToFsBackup, a setting of the server that each backup may override. A volume in both \
              lists is backed up or not depending on who makes the backup.",
        bad: include_str!("examples/BKP106.bad.yaml"),
        good: include_str!("examples/BKP106.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let lists = (VolumeList::named(pod, BACKUP_VOLUMES), VolumeList::named(pod, BACKUP_VOLUMES_EXCLUDES));
    let (Some(included), Some(excluded)) = lists else { return Vec::new() };
    let out: HashSet<_> = excluded.names.iter().collect();
    let both: Vec<_> = included.names.iter().filter(|name| out.contains(name)).collect();
    excluded.tell(&both, |name| {
        excluded.violation(format!(
            "volume {} is also listed in {}, and a setting of the Velero server decides which one counts; remove it from \
             one of the two",
            quoted(name),
            included.annotation
        ))
    })
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let (names, both) = (EXCLUDED.names, format!("n, n in {}", INCLUDED.names));
    let path = scope.annotation_path(BACKUP_VOLUMES_EXCLUDES);
    let why = format!(
        " is also listed in {BACKUP_VOLUMES}, and a setting of the Velero server decides which one counts; remove it from \
         one of the two"
    );
    let check = CelCheck::new(path, format!("!{names}.exists({both})"), format!("a volume{why}"));
    vec![check.saying(format!("'volume ' + {names}.filter({both}).join(', ') + '{why}'"))]
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES};

    #[test]
    fn a_name_in_both_lists_is_found() {
        let both = [(BACKUP_VOLUMES, "data,logs"), (BACKUP_VOLUMES_EXCLUDES, " logs")];
        insta::assert_snapshot!(said(super::check, &both), @r#"metadata.annotations[backup.velero.io/backup-volumes-excludes]: volume "logs" is also listed in backup.velero.io/backup-volumes, and a setting of the Velero server decides which one counts; remove it from one of the two"#);
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES, "data"), (BACKUP_VOLUMES_EXCLUDES, "logs")]), "");
    }
}
