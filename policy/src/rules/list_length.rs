//! BKP108: a list that is longer than any pod's volumes is no list of volumes, and not worth an answer by name.

use super::{Cel, Check, Page, Rule, Violation, volume_list::MAX_ENTRIES};
use crate::{
    Facts, Operation, Severity,
    names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES},
    pod::Pod,
};

pub(super) const RULE: Rule = Rule {
    code: "BKP108",
    severity: Severity::Deny,
    title: "A list of volumes is not longer than a thousand names",
    page: Page {
        why: "A list longer than a thousand names cannot be a list of one pod's volumes. It is refused as a whole, \
              so that what it costs to judge a manifest stays bounded.",
        bad: include_str!("examples/BKP108.bad.yaml"),
        good: include_str!("examples/BKP108.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::LeftOut("not yet written"),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let long = |name: &&str| pod.annotations.get(*name).is_some_and(|value| value.matches(',').count() >= MAX_ENTRIES);
    let lists = [BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES].into_iter().filter(long);
    lists
        .map(|name| {
            let message = format!("the list has more than {MAX_ENTRIES} entries; name the pod's volumes only");
            Violation::at(pod.annotation_path(name), message)
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
