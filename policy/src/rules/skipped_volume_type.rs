//! BKP105: some volume types Velero never copies, whatever the annotation says.

use super::{
    Cel, Check, Page, Rule, Violation,
    volume_list::{VolumeList, quoted},
};
use crate::{
    Facts, Operation, Severity,
    names::BACKUP_VOLUMES,
    pod::{Pod, Source, Volume},
    vap::{CelCheck, INCLUDED, Scope},
};

/// Velero leaves out volumes whose names begin so, as the tokens of service accounts once did.
pub(crate) const TOKEN: &str = "default-token";

pub(super) const RULE: Rule = Rule {
    code: "BKP105",
    severity: Severity::Deny,
    title: "A volume to back up is of a type that Velero can copy",
    page: Page {
        why: "Velero never copies the files of hostPath, secret, configMap, projected and downwardAPI volumes, \
              whatever the annotation says (internal/volumehelper/volume_policy_helper.go, \
              shouldIncludeVolumeInBackup). ConfigMaps and Secrets are backed up as objects; the data of a \
              hostPath volume is not backed up at all.",
        bad: include_str!("examples/BKP105.bad.yaml"),
        good: include_str!("examples/BKP105.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

// To exclude such a volume is needless but harmless, so that only the list of volumes to back up is looked at.
fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let Some(list) = VolumeList::named(pod, BACKUP_VOLUMES) else { return Vec::new() };
    let volumes = pod.volumes_by_name();
    let skipped = |name: &&str| {
        let volume = *volumes.get(*name)?;
        Some((volume, what(volume)?))
    };
    let skipped: Vec<_> = list.names.iter().filter_map(skipped).collect();
    list.tell(&skipped, |(volume, what)| explain(&list, volume, what))
}

/// What a volume is, when Velero does not copy such volumes.
pub(super) fn what(volume: &Volume<'_>) -> Option<&'static str> {
    Some(match volume.source {
        Source::ConfigMap => "a ConfigMap, which is backed up as an object",
        Source::Secret => "a Secret, which is backed up as an object",
        Source::Projected => "a projected volume, which is made anew from its sources",
        Source::DownwardApi => "a downwardAPI volume, which is made anew from the pod",
        Source::HostPath => "a hostPath volume, which belongs to the node",
        _ if volume.name.starts_with(TOKEN) => "taken for a service account's token, because of its name",
        _ => return None,
    })
}

fn explain(list: &VolumeList<'_>, volume: &Volume<'_>, what: &str) -> Violation {
    let way_out = list.rewritten_without(Some(volume.name));
    let message = format!("volume {} is {what}; Velero never copies its files: {way_out}", quoted(volume.name));
    // What lies on a node is data that its author wants saved, and taking the name away would only hide that it is not.
    let made_anew = !matches!(volume.source, Source::HostPath | Source::Claim | Source::EmptyDir | Source::Other);
    list.violation(message).fixed_by(list.without(volume.name).filter(|_| made_anew))
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let (names, skipped) = (INCLUDED.names, "n, n in variables.skipped");
    let message = "the list names a volume of a type that Velero never copies (configMap, secret, projected, \
                   downwardAPI, hostPath); take it off the list";
    let check = CelCheck::new(scope.annotation_path(BACKUP_VOLUMES), format!("!{names}.exists({skipped})"), message);
    vec![check.saying(format!(
        "'Velero never copies the files of volume ' + {names}.filter({skipped}).join(', ') + ', because of its type \
         (configMap, secret, projected, downwardAPI, hostPath); take it off the list'"
    ))]
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES};

    #[test]
    fn types_without_data_of_their_own_are_found() {
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "data,config")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: volume "config" is a ConfigMap, which is backed up as an object; Velero never copies its files: write "data""#);
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "host")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: volume "host" is a hostPath volume, which belongs to the node; Velero never copies its files: remove the annotation"#);
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES, "data,logs,unknown")]), "");
    }

    #[test]
    fn excluding_them_is_harmless() {
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES_EXCLUDES, "config,host")]), "");
    }
}
