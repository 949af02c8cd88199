//! BKP109: Velero finds a volume's files through the container that mounts it, and skips a volume that none does.

use super::{
    Cel, Check, Page, Rule, Violation,
    skipped_volume_type::what,
    volume_list::{VolumeList, Words},
};
use crate::{
    Facts, Operation, Severity,
    names::BACKUP_VOLUMES,
    pod::Pod,
    vap::{CelCheck, Scope},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP109",
    severity: Severity::Deny,
    title: "A volume to back up is mounted by a container",
    page: Page {
        why: "Velero's node agent reads a volume where the kubelet mounted it for one of the pod's containers. A \
              volume in the list that no container of spec.containers mounts is skipped with a line in the \
              server's log (pkg/podvolume/backupper.go); init containers do not count, those that keep running \
              included. As the list also keeps the volume from being snapshotted, its data is not in the backup at \
              all. The author of a pod template is told and not refused: a sidecar that \
              mounts the volume may be added to its pods.",
        bad: include_str!("examples/BKP109.bad.yaml"),
        good: include_str!("examples/BKP109.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

const WORDS: Words = Words {
    before: "no container mounts volume",
    after: " (init containers do not count), so that Velero skips it and its data is lost; mount it in one of \
            spec.containers, or take it off the list",
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let Some(list) = VolumeList::named(pod, BACKUP_VOLUMES).filter(|_| !pod.containers.is_empty()) else {
        return Vec::new();
    };
    let volumes = pod.volumes_by_name();
    let used = |name: &str| pod.mounted.contains(name) || pod.devices.contains(name);
    let copied = |name: &str| volumes.get(name).is_some_and(|volume| what(volume).is_none());
    list.tell_names(
        |name| copied(name) && !used(name),
        WORDS,
        |violation, _| {
            if pod.template.is_empty() { violation } else { violation.harmless() }
        },
    )
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let unmounted = "n, variables.containers.size() > 0 && n in variables.names && !(n in variables.skipped) && \
                     !variables.containers.exists(c, c.?volumeMounts.orValue([]).exists(m, m.name == n) || \
                     c.?volumeDevices.orValue([]).exists(d, d.name == n))";
    vec![WORDS.cel(scope, unmounted).harmless(!scope.template.is_empty())]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::volume_list::fixture::{pod, said};
    use crate::{
        names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES},
        pod::Pod,
        subject::Kind,
    };

    #[test]
    fn a_volume_of_an_init_container_alone_is_found() {
        insta::assert_snapshot!(said(super::check, &[(BACKUP_VOLUMES, "data,early")]), @r#"metadata.annotations[backup.velero.io/backup-volumes]: no container mounts volume "early" (init containers do not count), so that Velero skips it and its data is lost; mount it in one of spec.containers, or take it off the list"#);
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES, "data,raw,unknown")]), "");
        assert_eq!(said(super::check, &[(BACKUP_VOLUMES_EXCLUDES, "early")]), "");
    }

    #[test]
    fn a_sidecar_may_still_mount_it_for_a_template() {
        let pod = pod(&[(BACKUP_VOLUMES, "early")]);
        let workload = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": pod}});
        let harmless = |kind, object| {
            let pod = Pod::within(kind, object).expect("a pod");
            super::check(&pod).iter().map(|it| it.harmless).collect::<Vec<_>>()
        };
        assert_eq!(harmless(Kind::Pod, &pod), [false]);
        assert_eq!(harmless(Kind::Deployment, &workload), [true]);
    }
}
