//! BKP104: Velero passes over names that are no volume of the pod, without any message.

use super::{
    Cel, Check, Page, Rule, Violation,
    skipped_volume_type::what,
    volume_list::{MAX_ENTRIES, VolumeList, quoted, shown},
};
use crate::{
    Facts, Fix, Operation, Severity,
    names::BACKUP_VOLUMES_EXCLUDES,
    pod::{Pod, Source, Volume},
    vap::{CelCheck, INCLUDED, LISTS, ListVariables, Scope},
};

/// From this likeness on, a name is proposed in place of an unknown one.
const ALIKE: f64 = 0.7;
/// No volume's name is longer, and likeness is dear to compute.
const LABEL: usize = 63;

pub(super) const RULE: Rule = Rule {
    code: "BKP104",
    severity: Severity::Deny,
    title: "A list names volumes that the pod has",
    page: Page {
        why: "Velero goes through the pod's volumes and asks of each whether the list has its name \
              (pkg/backup/item_backupper.go). A name that no volume has is never looked at, and since release 1.14 \
              not even logged: the backup is Completed without the data. The names are those of spec.volumes, not \
              those of the PersistentVolumeClaims behind them.",
        bad: include_str!("examples/BKP104.bad.yaml"),
        good: include_str!("examples/BKP104.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let volumes = pod.volumes_by_name();
    VolumeList::of(pod)
        .flat_map(|list| {
            let unknown: Vec<_> = list.names.iter().filter(|name| !volumes.contains_key(*name)).collect();
            list.tell(&unknown, |name| explain(pod, &list, name))
        })
        .collect()
}

fn explain(pod: &Pod<'_>, list: &VolumeList<'_>, name: &str) -> Violation {
    let claimed = pod.volumes.iter().find(|volume| volume.claim == Some(name));
    let way_out = if let Some(volume) = claimed {
        format!("it is the PVC of volume {0}, and the list takes names of volumes: write {0}", quoted(volume.name))
    } else if let Some(nearest) = nearest(pod, name) {
        format!("did you mean {nearest:?}?")
    } else {
        match authors(pod).as_slice() {
            [] => "the pod has no volumes: remove the annotation".to_owned(),
            names => format!("the pod's volumes are {}", shown(names)),
        }
    };
    let message =
        format!("the pod has no volume {} and Velero would pass over it without a word; {way_out}", quoted(name));
    // What is not there needs no excluding; what is not there and was to be backed up is missed one day.
    let harmless = list.annotation == BACKUP_VOLUMES_EXCLUDES;
    let fix = claimed.and_then(|volume| renamed(pod, list, name, volume));
    Violation { harmless, ..list.violation(message) }.fixed_by(fix)
}

/// The volumes that the pod's author wrote: the API server adds one for the token of the service account, and a manifest
/// must get the same words with and without it.
fn authors<'a>(pod: &Pod<'a>) -> Vec<&'a str> {
    let added =
        |volume: &&Volume<'_>| volume.source == Source::Projected && volume.name.starts_with("kube-api-access-");
    pod.volumes.iter().filter(|volume| !added(volume)).map(|volume| volume.name).collect()
}

/// The list with a PVC's name replaced by its volume's; not where the volume is in the other list, whose word may hold.
fn renamed(pod: &Pod<'_>, list: &VolumeList<'_>, claim: &str, volume: &Volume<'_>) -> Option<Fix> {
    let other = VolumeList::of(pod)
        .filter(|other| other.annotation != list.annotation)
        .find(|it| it.names.contains(&volume.name));
    // A volume that cannot be backed up in this way either is a matter for its author.
    let copied = what(volume).is_none() && pod.mounted.contains(volume.name) && !pod.devices.contains(volume.name);
    if !copied || other.is_some() || pod.volumes.iter().filter(|other| other.claim == Some(claim)).count() > 1 {
        return None;
    }
    let mut names = Vec::with_capacity(list.names.len());
    for name in list.names.iter().map(|name| if *name == claim { volume.name } else { name }) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    list.replaced_by(&names)
}

fn nearest<'a>(pod: &Pod<'a>, name: &str) -> Option<&'a str> {
    if name.len() > LABEL {
        return None;
    }
    let volumes = pod.volumes.iter().take(MAX_ENTRIES).filter(|volume| volume.name.len() <= LABEL);
    let likeness = volumes.map(|volume| (strsim::jaro_winkler(volume.name, name), volume.name));
    likeness.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let check = |list: &&ListVariables| {
        let unknown = "n, !(n in variables.names)";
        let path = scope.annotation_path(list.annotation);
        let message = "the list names a volume that the pod does not have, and Velero would pass over it without a word; \
                       write the names of spec.volumes";
        CelCheck::new(path, format!("!{}.exists({unknown})", list.names), message)
            .saying(format!(
                "'the pod has no volume ' + {}.filter({unknown}).join(', ') + ' and Velero would pass over it without a \
                 word; ' + (variables.names.size() == 0 ? 'the pod has no volumes: remove the annotation' : 'the pod\\'s \
                 volumes are ' + variables.names.join(', '))",
                list.names
            ))
            .harmless(list.annotation != INCLUDED.annotation)
    };
    LISTS.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::BACKUP_VOLUMES;

    #[test]
    fn an_unknown_name_is_answered_with_what_was_meant() {
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "dat,logs")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: the pod has no volume "dat" and Velero would pass over it without a word; did you mean "data"?"#);
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "web-data")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: the pod has no volume "web-data" and Velero would pass over it without a word; it is the PVC of volume "data", and the list takes names of volumes: write "data""#);
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "xyz")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: the pod has no volume "xyz" and Velero would pass over it without a word; the pod's volumes are data, logs, config, host, raw, early"#);
    }

    #[test]
    fn blanks_are_another_rules_matter() {
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES, "data, logs,")]), "");
    }
}
