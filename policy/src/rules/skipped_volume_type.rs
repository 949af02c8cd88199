//! BKP105: some volume types Velero never copies, whatever the annotation says.

use super::{
    Check, Rule, Violation,
    volume_list::{VolumeList, quoted},
};
use crate::{
    Severity,
    names::BACKUP_VOLUMES,
    pod::{Pod, Volume},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP105",
    severity: Severity::Deny,
    title: "A volume to back up is of a type that Velero can copy",
    check: Check::Pod(check),
};

// To exclude such a volume is needless but harmless, so that only the list of volumes to back up is looked at.
fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let Some(list) = VolumeList::named(pod, BACKUP_VOLUMES) else { return Vec::new() };
    let volumes = pod.volumes_by_name();
    let skipped = |name: &&str| {
        let volume = *volumes.get(*name)?;
        Some((volume, what(volume.source)?))
    };
    let skipped: Vec<_> = list.names.iter().filter_map(skipped).collect();
    list.tell(&skipped, |(volume, what)| explain(&list, volume, what))
}

fn what(source: &str) -> Option<&'static str> {
    Some(match source {
        "configMap" => "a ConfigMap, which is backed up as an object",
        "secret" => "a Secret, which is backed up as an object",
        "projected" => "a projected volume, which is made anew from its sources",
        "downwardAPI" => "a downwardAPI volume, which is made anew from the pod",
        "hostPath" => "a hostPath volume, which belongs to the node",
        _ => return None,
    })
}

fn explain(list: &VolumeList<'_>, volume: &Volume<'_>, what: &str) -> Violation {
    let way_out = list.rewritten_without(Some(volume.name));
    list.violation(format!("volume {} is {what}; Velero never copies its files: {way_out}", quoted(volume.name)))
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
