//! BKP108: a list that is longer than any pod's volumes is no list of volumes, and not worth an answer by name.

use super::{
    Cel, Check, Page, Rule, Violation,
    volume_list::{MAX_ENTRIES, MAX_LENGTH, is_too_long},
};
use crate::{
    Facts, Operation, Severity,
    names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES},
    pod::Pod,
    vap::{CelCheck, LISTS, ListVariables, Scope},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP108",
    severity: Severity::Deny,
    title: "A list of volumes is not longer than 256 names",
    page: Page {
        why: "A list longer than 256 names cannot be a list of one pod's volumes. It is refused as a whole, \
              so that what it costs to judge a manifest stays bounded.",
        bad: include_str!("examples/BKP108.bad.yaml"),
        good: include_str!("examples/BKP108.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let long = |name: &&str| pod.annotation(name).is_some_and(is_too_long);
    let lists = [BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES].into_iter().filter(long);
    lists.map(|name| Violation::at(pod.annotation_path(name), message())).collect()
}

fn message() -> String {
    format!("the list has more than {MAX_ENTRIES} entries, or {MAX_LENGTH} characters; name the pod's volumes only")
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let check = |list: &&ListVariables| {
        CelCheck::new(scope.annotation_path(list.annotation), format!("!{}", list.too_long), message())
    };
    LISTS.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::BACKUP_VOLUMES;

    #[test]
    fn a_list_beyond_all_measure_is_refused_as_a_whole() {
        let list = |entries: usize| vec!["data"; entries].join(",");
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, &list(257))]), @"metadata.annotations[backup.velero.io/backup-volumes]: the list has more than 256 entries, or 16384 characters; name the pod's volumes only");
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES, &list(256))]), "");
    }
}
