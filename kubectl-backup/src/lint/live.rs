//! The objects that live in a cluster, of the kinds that the rules know.

use backup_policy::{Kind, Subject};
use serde_json::Value;

use super::object::Object;

/// Group and version, plural and kind.
const KINDS: [(&str, &str, &str); 12] = [
    ("v1", "pods", "Pod"),
    ("v1", "replicationcontrollers", "ReplicationController"),
    ("apps/v1", "deployments", "Deployment"),
    ("apps/v1", "statefulsets", "StatefulSet"),
    ("apps/v1", "daemonsets", "DaemonSet"),
    ("apps/v1", "replicasets", "ReplicaSet"),
    ("batch/v1", "jobs", "Job"),
    ("batch/v1", "cronjobs", "CronJob"),
    ("snapshot.storage.k8s.io/v1", "volumesnapshots", "VolumeSnapshot"),
    ("velero.io/v1", "backups", "Backup"),
    ("velero.io/v1", "schedules", "Schedule"),
    ("velero.io/v1", "restores", "Restore"),
];

/// The collections to list: path, version and kind.
pub fn collections(namespace: Option<&str>) -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let within = namespace.map(|name| format!("/namespaces/{name}")).unwrap_or_default();
    KINDS.into_iter().map(move |(version, plural, kind)| {
        let root = if version.contains('/') { "apis" } else { "api" };
        (format!("/{root}/{version}{within}/{plural}"), version, kind)
    })
}

/// An item of a list as an object, which says what it is; `None` when there is nothing new to say of it: what a
/// template made is judged with the template, and what is done or going away is history.
pub fn object(mut item: Value, version: &str, kind: &str) -> Option<Object> {
    let fields = item.as_object_mut()?;
    fields.insert("apiVersion".to_owned(), version.into());
    fields.insert("kind".to_owned(), kind.into());
    let subject = Subject::read(&item, None)?;
    let over = matches!(subject.kind, Kind::Backup | Kind::Restore)
        && item
            .pointer("/status/phase")
            .and_then(Value::as_str)
            .is_some_and(|phase| !matches!(phase, "" | "New" | "Queued"));
    let told = subject.is_from_checked_template() || subject.is_mirror_pod() || subject.is_terminating() || over;
    (!told).then_some(Object { value: item, origin: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_is_listed_where_it_is_served() {
        let paths: Vec<_> = collections(Some("shop")).map(|(path, ..)| path).collect();
        assert_eq!(paths[0], "/api/v1/namespaces/shop/pods");
        assert_eq!(paths[2], "/apis/apps/v1/namespaces/shop/deployments");
        assert_eq!(collections(None).nth(10).map(|(path, ..)| path).as_deref(), Some("/apis/velero.io/v1/schedules"));
    }

    #[test]
    fn what_was_said_elsewhere_or_is_over_is_left_out() {
        let kept = |item: Value, version: &str, kind: &str| object(item, version, kind).is_some();
        let owned = json!({"metadata": {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": true}]}});
        assert!(!kept(owned, "v1", "Pod"));
        assert!(kept(json!({"metadata": {"name": "a"}}), "v1", "Pod"));
        assert!(!kept(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), "v1", "Pod"));
        assert!(!kept(json!({"status": {"phase": "Completed"}}), "velero.io/v1", "Backup"));
        assert!(kept(json!({"status": {"phase": "New"}}), "velero.io/v1", "Backup"));
        assert!(kept(json!({"status": {"phase": "Enabled"}}), "velero.io/v1", "Schedule"));
    }
}
