//! BKP103: a name listed twice mostly stands where another one should. Velero reads it as one, so that nothing is lost.

use super::{Check, Rule, Violation, volume_list::VolumeList};
use crate::{Severity, pod::Pod};

pub(super) const RULE: Rule =
    Rule { code: "BKP103", severity: Severity::Warn, title: "A list names each volume once", check: Check::Pod(check) };

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    VolumeList::of(pod)
        .flat_map(|list| {
            let times = |name: &str| list.entries.iter().filter(|entry| entry.trim() == name).count();
            let repeated: Vec<_> = list.names().into_iter().filter(|name| times(name) > 1).collect();
            repeated.into_iter().map(|name| explain(&list, name)).collect::<Vec<_>>()
        })
        .collect()
}

fn explain(list: &VolumeList<'_>, name: &str) -> Violation {
    list.violation(format!("volume {name:?} is listed more than once; {}", list.rewritten()))
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::BACKUP_VOLUMES;

    #[test]
    fn a_repetition_is_found_once_per_name() {
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "data,logs,data, data")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: volume "data" is listed more than once; write "data,logs""#);
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES, "data,logs")]), "");
    }
}
