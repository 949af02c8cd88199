//! BKP115: a PVC may lie in a directory of a node, which Velero does not read.

use super::{
    Cel, Check, Missing, Outcome, Page, Rule,
    volume_list::{VolumeList, Words},
};
use crate::{Facts, Operation, Severity, names::BACKUP_VOLUMES, pod::Pod};

pub(super) const RULE: Rule = Rule {
    code: "BKP115",
    severity: Severity::Deny,
    title: "A volume to back up lies in no directory of a node",
    page: Page {
        why: "A PVC whose PersistentVolume is of type hostPath, as rancher's local-path and minikube make them, is \
              not mounted where Velero's node agent looks. It is skipped with a line in the server's log \
              (pkg/podvolume/backupper.go, isHostPathVolume), and as such a volume has no CSI driver either, its \
              data is not in the backup at all. Volumes of type local are copied.",
        bad: include_str!("examples/BKP115.bad.yaml"),
        good: include_str!("examples/BKP115.good.yaml"),
        operation: Operation::Create,
        facts: &["the PVCs whose volumes are directories of a node"],
        given: || Facts { node_directories: Some(["web-shelf".to_owned()].into()), ..Facts::default() },
    },
    check: Check::PodAround(check),
    cel: Cel::LeftOut("an API server looks up no volumes"),
};

const WORDS: Words = Words {
    before: "volume",
    after: " is a PVC whose data lie in a directory of a node (hostPath), which Velero skips, so that they are lost; move \
            them to a volume of a CSI driver, or save them in another way and take the name off the list",
};

fn check(pod: &Pod<'_>, facts: &Facts) -> Outcome {
    let listed = |list: &VolumeList<'_>| claims(pod, list).next().is_some();
    let Some(list) = VolumeList::named(pod, BACKUP_VOLUMES).filter(listed) else { return Ok(Vec::new()) };
    let on_nodes = facts.node_directories.as_ref().ok_or(Missing("which PVCs lie in directories of nodes"))?;
    let lost: Vec<_> =
        claims(pod, &list).filter(|(_, claim)| on_nodes.contains(*claim)).map(|(name, _)| name).collect();
    // What lies on a node is data that its author wants saved: to take the name away would only hide that it is not.
    Ok(list.tell_names(|name| lost.contains(&name), WORDS, |violation, _| violation))
}

/// The listed volumes that are PVCs: each with its claim.
fn claims<'p, 'a>(
    pod: &'p Pod<'a>,
    list: &'p VolumeList<'a>,
) -> impl Iterator<Item = (&'a str, &'a str)> + use<'p, 'a> {
    let volumes = pod.volumes_by_name();
    list.names.iter().filter_map(move |name| Some((*name, volumes.get(name)?.claim?)))
}

/// Whether the rule asks for [`Facts::node_directories`] of this pod.
pub(crate) fn asks(pod: &Pod<'_>) -> bool {
    VolumeList::named(pod, BACKUP_VOLUMES).is_some_and(|list| claims(pod, &list).next().is_some())
}

#[cfg(test)]
mod tests {
    use super::{super::volume_list::fixture::pod, asks, check};
    use crate::{
        Facts,
        names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES},
        pod::Pod,
        rules::Missing,
        subject::Kind,
    };

    fn on_nodes(claims: &[&str]) -> Facts {
        let claims = claims.iter().map(|claim| (*claim).to_owned()).collect();
        Facts { node_directories: Some(claims), ..Facts::default() }
    }

    fn said(annotation: &str, list: &str, facts: &Facts) -> Result<String, Missing> {
        let object = pod(&[(annotation, list)]);
        let found = check(&Pod::within(Kind::Pod, &object).unwrap(), facts)?;
        Ok(found.into_iter().map(|it| format!("{}: {}", it.path, it.message)).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_claim_in_a_directory_of_a_node_is_found_by_the_name_of_its_volume() {
        insta::assert_snapshot!(said(BACKUP_VOLUMES, "data,raw", &on_nodes(&["web-data", "data"])).unwrap(), @r#"metadata.annotations[backup.velero.io/backup-volumes]: volume "data" is a PVC whose data lie in a directory of a node (hostPath), which Velero skips, so that they are lost; move them to a volume of a CSI driver, or save them in another way and take the name off the list"#);
        assert_eq!(said(BACKUP_VOLUMES, "raw", &on_nodes(&["web-data"])), Ok(String::new()));
        assert_eq!(said(BACKUP_VOLUMES_EXCLUDES, "data", &on_nodes(&["web-data"])), Ok(String::new()));
    }

    #[test]
    fn only_of_listed_claims_something_has_to_be_known() {
        assert!(said(BACKUP_VOLUMES, "data", &Facts::default()).is_err());
        for (annotation, list) in [(BACKUP_VOLUMES, "logs,nope"), (BACKUP_VOLUMES_EXCLUDES, "data")] {
            assert_eq!(said(annotation, list, &Facts::default()), Ok(String::new()));
            assert!(!asks(&Pod::within(Kind::Pod, &pod(&[(annotation, list)])).unwrap()));
        }
        assert!(asks(&Pod::within(Kind::Pod, &pod(&[(BACKUP_VOLUMES, "data")])).unwrap()));
    }

    #[test]
    fn the_claims_of_a_template_of_a_stateful_set_are_not_known_by_name() {
        let object = serde_json::json!({"spec": {
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
            "template": {"metadata": {"annotations": {BACKUP_VOLUMES: "data"}}, "spec": {}},
        }});
        assert!(!asks(&Pod::within(Kind::StatefulSet, &object).unwrap()));
    }
}
