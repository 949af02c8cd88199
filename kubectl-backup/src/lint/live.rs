//! The objects that live in a cluster, of the kinds that the rules know.

use backup_policy::{Kind, Subject, subject::is_marked_deleted};
use serde_json::Value;

use super::object::Object;

/// A kind that rules speak of.
///
/// Left out are bindings, which nobody can list, and storage locations: of those the rules only say what may become of
/// them, and nothing of how they are.
struct Listed {
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
}

impl Listed {
    const fn new(version: &'static str, plural: &'static str, kind: &'static str) -> Self {
        Self { version, plural, kind }
    }

    fn of_cluster(&self) -> bool {
        self.kind == "BackupPolicy"
    }
}

const KINDS: [Listed; 15] = [
    Listed::new("v1", "pods", "Pod"),
    Listed::new("v1", "replicationcontrollers", "ReplicationController"),
    Listed::new("v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    Listed::new("apps/v1", "deployments", "Deployment"),
    Listed::new("apps/v1", "statefulsets", "StatefulSet"),
    Listed::new("apps/v1", "daemonsets", "DaemonSet"),
    Listed::new("apps/v1", "replicasets", "ReplicaSet"),
    Listed::new("batch/v1", "jobs", "Job"),
    Listed::new("batch/v1", "cronjobs", "CronJob"),
    Listed::new("snapshot.storage.k8s.io/v1", "volumesnapshots", "VolumeSnapshot"),
    Listed::new("velero.io/v1", "backups", "Backup"),
    Listed::new("velero.io/v1", "schedules", "Schedule"),
    Listed::new("velero.io/v1", "restores", "Restore"),
    Listed::new("velero.io/v1", "deletebackuprequests", "DeleteBackupRequest"),
    Listed::new("kubectl-backup.dev/v1alpha1", "backuppolicies", "BackupPolicy"),
];

/// The collections to list: path, version and kind. What belongs to no namespace is looked at with the whole cluster.
pub fn collections(namespace: Option<&str>) -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let whole = namespace.is_none();
    let within = namespace.map(|name| format!("/namespaces/{name}")).unwrap_or_default();
    let asked = KINDS.iter().filter(move |listed| whole || !listed.of_cluster());
    asked.map(move |Listed { version, plural, kind }| {
        let root = if version.contains('/') { "apis" } else { "api" };
        (format!("/{root}/{version}{within}/{plural}"), *version, *kind)
    })
}

/// An item of a list as an object, which says what it is; `None` when there is nothing new to say of it: what a
/// template made is judged with the template, and what is done or going away is history.
pub fn object(mut item: Value, version: &str, kind: &str) -> Option<Object> {
    let fields = item.as_object_mut()?;
    fields.insert("apiVersion".to_owned(), version.into());
    fields.insert("kind".to_owned(), kind.into());
    let subject = Subject::read(&item, None)?;
    let phase = item.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    let over = match subject.kind {
        Kind::Backup | Kind::Restore => !matches!(phase, "" | "New" | "Queued"),
        Kind::DeleteBackupRequest => phase == "Processed",
        _ => false,
    };
    let told =
        subject.is_from_checked_template() || subject.is_mirror_pod() || is_marked_deleted(subject.object) || over;
    if told {
        return None;
    }
    // It is judged as if it were made now, and what Velero noted would be held against its author.
    if version.starts_with("velero.io/") {
        item.as_object_mut()?.remove("status");
    }
    Some(Object { value: item, origin: None })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use backup_policy::{Operation, rules::CATALOGUE};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_is_listed_where_it_is_served() {
        let paths = |namespace| collections(namespace).map(|(path, ..)| path).collect::<Vec<_>>();
        let (of_shop, all) = (paths(Some("shop")), paths(None));
        assert_eq!(of_shop[0], "/api/v1/namespaces/shop/pods");
        assert_eq!(of_shop[3], "/apis/apps/v1/namespaces/shop/deployments");
        assert_eq!(all[11], "/apis/velero.io/v1/schedules");
        let policies = "/apis/kubectl-backup.dev/v1alpha1/backuppolicies".to_owned();
        assert!(all.contains(&policies));
        assert!(!of_shop.iter().any(|path| path.contains("backuppolicies")));
    }

    /// Every kind that some rule finds something wrong with when it is made.
    #[test]
    fn no_kind_with_a_rule_about_it_is_left_out() {
        let listed: BTreeSet<_> = collections(None).map(|(_, version, kind)| (version, kind.to_owned())).collect();
        for rule in CATALOGUE.iter().filter(|rule| rule.page.operation == Operation::Create) {
            let bad: Value = serde_saphyr::from_str(rule.page.bad).unwrap();
            let text = |key: &str| bad[key].as_str().unwrap().to_owned();
            let (version, kind) = (text("apiVersion"), text("kind"));
            let found = listed.contains(&(version.as_str(), kind.clone()));
            assert!(found || kind == "Binding", "{}: nobody lists {version} {kind}", rule.code);
        }
    }

    #[test]
    fn what_was_said_elsewhere_or_is_over_is_left_out() {
        let kept = |item: Value, version: &str, kind: &str| object(item, version, kind).is_some();
        let owned = json!({"metadata": {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": true}]}});
        assert!(!kept(owned, "v1", "Pod"));
        assert!(kept(json!({"metadata": {"name": "a"}}), "v1", "Pod"));
        assert!(!kept(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), "v1", "Pod"));
        let in_phase = |phase: &str, kind: &str| kept(json!({"status": {"phase": phase}}), "velero.io/v1", kind);
        assert!(!in_phase("Completed", "Backup"));
        assert!(in_phase("New", "Backup"));
        assert!(in_phase("Enabled", "Schedule"));
        assert!(in_phase("InProgress", "DeleteBackupRequest"));
        assert!(!in_phase("Processed", "DeleteBackupRequest"));
    }

    #[test]
    fn what_velero_noted_is_not_held_against_the_author() {
        let queued = object(json!({"status": {"phase": "Queued"}}), "velero.io/v1", "Backup").unwrap();
        assert_eq!(queued.value.get("status"), None);
    }
}
