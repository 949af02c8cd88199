//! BKP108: a list that is longer than any pod's volumes is no list of volumes, and not worth an answer by name.

use super::{Check, Rule, Violation, volume_list::MAX_ENTRIES};
use crate::{
    Severity,
    names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES},
    pod::Pod,
};

pub(super) const RULE: Rule = Rule {
    code: "BKP108",
    severity: Severity::Deny,
    title: "A list of volumes is not longer than a thousand names",
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let long = |name: &&str| pod.annotations.get(*name).is_some_and(|value| value.matches(',').count() >= MAX_ENTRIES);
    let lists = [BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES].into_iter().filter(long);
    lists
        .map(|name| Violation {
            field: pod.annotation_path(name),
            message: format!("the list has more than {MAX_ENTRIES} entries; name the pod's volumes only"),
            harmless: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::BACKUP_VOLUMES;

    #[test]
    fn a_list_beyond_all_measure_is_refused_as_a_whole() {
        let list = |entries: usize| vec!["data"; entries].join(",");
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, &list(1001))]), @"metadata.annotations[backup.velero.io/backup-volumes]: the list has more than 1000 entries; name the pod's volumes only");
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES, &list(1000))]), "");
    }
}
