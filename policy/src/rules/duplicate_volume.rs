//! BKP103: a name listed twice mostly stands where another one should. Velero reads it as one, so that nothing is lost.

use std::collections::HashMap;

use super::{
    Cel, Check, Page, Rule, Violation,
    volume_list::{VolumeList, pieces, quoted},
};
use crate::{
    Facts, Operation, Severity,
    pod::Pod,
    vap::{CelCheck, LISTS, ListVariables, Scope},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP103",
    severity: Severity::Warn,
    title: "A list names each volume once",
    page: Page {
        why: "Velero asks of each volume whether the list has its name, so that the second mention changes \
              nothing. Mostly another name was to stand there, and that volume is not backed up.",
        bad: include_str!("examples/BKP103.bad.yaml"),
        good: include_str!("examples/BKP103.good.yaml"),
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
            let mut times = HashMap::new();
            for name in list.entries.iter().flat_map(|entry| pieces(entry)) {
                *times.entry(name).or_insert(0) += 1;
            }
            let repeated: Vec<_> = list.names.iter().filter(|name| times.get(*name).is_some_and(|n| *n > 1)).collect();
            list.tell(&repeated, |name| explain(&list, name))
        })
        .collect()
}

fn explain(list: &VolumeList<'_>, name: &str) -> Violation {
    let message = format!("volume {} is listed more than once; {}", quoted(name), list.rewritten());
    list.violation(message).fixed_by(list.respelled())
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let check = |list: &&ListVariables| {
        let names = list.names;
        let repeated = "n, {names}.indexOf(n) != {names}.lastIndexOf(n)".replace("{names}", names);
        let path = scope.annotation_path(list.annotation);
        CelCheck::new(path, format!("!{names}.exists({repeated})"), "a volume is listed more than once; list each once")
            .saying(format!("'volume ' + {names}.filter({repeated})[0] + ' is listed more than once; list each once'"))
    };
    LISTS.iter().map(check).collect()
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
