//! BKP112: an emptyDir can be backed up, but what lies there is mostly scratch.

use super::{
    Cel, Check, Page, Rule, Violation,
    volume_list::{VolumeList, Words},
};
use crate::{
    Facts, Operation, Severity,
    names::BACKUP_VOLUMES,
    pod::Pod,
    pod::Source,
    vap::{CelCheck, Scope},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP112",
    severity: Severity::Warn,
    title: "A volume to back up outlives its pod",
    page: Page {
        why: "Velero copies the files of an emptyDir, and restores them into the new pod. But an emptyDir is empty \
              whenever its pod is made anew, so that what must not be lost is not kept there; and the copies are \
              never incremental across pods. Mostly a claim was to be named.",
        bad: include_str!("examples/BKP112.bad.yaml"),
        good: include_str!("examples/BKP112.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

const WORDS: Words = Words {
    before: "volume",
    after: " is an emptyDir, which lives only as long as the pod; put what must be kept on a PVC, or take the volume off \
            the list",
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let Some(list) = VolumeList::named(pod, BACKUP_VOLUMES) else { return Vec::new() };
    let volumes = pod.volumes_by_name();
    let scratch = |name: &str| volumes.get(name).is_some_and(|volume| volume.source == Source::EmptyDir);
    list.tell_names(scratch, WORDS, |violation, _| violation)
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    vec![WORDS.cel(scope, "n, n in variables.emptyDirs")]
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES};

    #[test]
    fn an_empty_dir_is_told() {
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "data,logs")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: volume "logs" is an emptyDir, which lives only as long as the pod; put what must be kept on a PVC, or take the volume off the list"#);
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES_EXCLUDES, "logs")]), "");
    }
}
