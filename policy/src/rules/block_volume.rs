//! BKP111: Velero's file-system backup does not read block devices.

use super::{
    Cel, Check, Page, Rule, Violation,
    volume_list::{VolumeList, Words},
};
use crate::{
    Facts, Operation, Severity,
    names::BACKUP_VOLUMES,
    pod::Pod,
    vap::{CelCheck, Scope},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP111",
    severity: Severity::Deny,
    title: "A volume to back up is no block device",
    page: Page {
        why: "A volume that a container uses through volumeDevices has no file system that Velero's node agent \
              could read. It is skipped with a line in the server's log (pkg/podvolume/backupper.go), and as the \
              list also keeps it from being snapshotted, its data is not in the backup at all. Without the \
              annotation Velero takes a CSI snapshot of it.",
        bad: include_str!("examples/BKP111.bad.yaml"),
        good: include_str!("examples/BKP111.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

const WORDS: Words = Words {
    before: "volume",
    after: " is used as a block device, which Velero skips, so that its data is lost; take it off the list and Velero can \
            take a snapshot of it",
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let Some(list) = VolumeList::named(pod, BACKUP_VOLUMES) else { return Vec::new() };
    list.tell_names(|name| pod.devices.contains(name), WORDS, |violation, name| violation.fixed_by(list.without(name)))
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let device = "n, variables.containers.exists(c, c.?volumeDevices.orValue([]).exists(d, d.name == n))";
    vec![WORDS.cel(scope, device)]
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES};

    #[test]
    fn a_block_device_is_found() {
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "data,raw")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: volume "raw" is used as a block device, which Velero skips, so that its data is lost; take it off the list and Velero can take a snapshot of it"#);
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES_EXCLUDES, "raw")]), "");
    }
}
