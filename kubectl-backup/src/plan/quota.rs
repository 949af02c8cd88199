//! Limits, and who holds the slots.

use backup_api::labels;
use backup_policy::quota::{Key, free_command};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::output::{Column, Table, age};

const UNKNOWN: &str = "<unknown>";

/// An object of a limited resource: only what is shown of it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Object {
    /// Name, labels, times.
    #[serde(default)]
    pub metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    source: Source,
    #[serde(default)]
    schedule: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    #[serde(default)]
    persistent_volume_claim_name: Option<String>,
}

/// A limited resource.
#[derive(Clone, Debug)]
pub struct Usage {
    /// The resource as `plural.group`.
    pub resource: String,
    /// How many may exist.
    pub limit: u32,
    /// Its objects in the whole cluster.
    pub objects: Objects,
}

/// What could be counted.
#[derive(Clone, Debug)]
pub enum Objects {
    /// All of them.
    Listed(Vec<Object>),
    /// The cluster does not have the resource.
    NotInstalled,
    /// They may not be listed.
    Forbidden,
}

impl Object {
    /// Whether it takes a slot.
    fn is_counted(&self) -> bool {
        let label = self.metadata.labels.as_ref().and_then(|all| all.get(labels::QUOTA_EXEMPT));
        label.is_none_or(|value| value != "true")
    }

    fn is_deleting(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    fn created(&self) -> Option<Timestamp> {
        self.metadata.creation_timestamp.as_ref().map(|time| time.0)
    }

    fn key(&self) -> Key {
        Key {
            namespace: self.metadata.namespace.clone().unwrap_or_default(),
            name: self.metadata.name.clone().unwrap_or_default(),
        }
    }

    fn source(&self) -> String {
        let claim = self.spec.source.persistent_volume_claim_name.as_ref().map(|claim| format!("pvc/{claim}"));
        claim.or_else(|| self.spec.schedule.clone()).unwrap_or_else(|| "<none>".into())
    }

    fn slot(&self) -> &'static str {
        match (self.is_counted(), self.is_deleting()) {
            (true, false) => "counted",
            (true, true) => "counted until it is gone",
            (false, _) => "exempt",
        }
    }
}

impl Usage {
    fn plural(&self) -> &str {
        self.resource.split('.').next().unwrap_or(&self.resource)
    }

    /// The slots that are taken; `None` when they could not be counted.
    pub fn used(&self) -> Option<usize> {
        match &self.objects {
            Objects::Listed(objects) => Some(objects.iter().filter(|object| object.is_counted()).count()),
            Objects::NotInstalled => Some(0),
            Objects::Forbidden => None,
        }
    }

    /// The oldest first: the likeliest to go.
    fn holders(&self) -> Vec<&Object> {
        let Objects::Listed(objects) = &self.objects else { return Vec::new() };
        let mut holders: Vec<&Object> = objects.iter().collect();
        holders.sort_by_key(|object| (!object.is_counted(), object.created(), object.key()));
        holders
    }
}

/// Returns the table of limits.
pub fn limits(usages: &[Usage]) -> Table {
    let mut table = Table::new(["RESOURCE", "USED", "LIMIT", "FREE"].map(Column::new).to_vec());
    for usage in usages {
        let used = match &usage.objects {
            Objects::NotInstalled => "0 (not installed)".to_owned(),
            _ => usage.used().map_or_else(|| UNKNOWN.into(), |used| used.to_string()),
        };
        let free = usage.used().map(|used| usize::try_from(usage.limit).unwrap_or(usize::MAX).saturating_sub(used));
        table.row(vec![
            usage.plural().to_owned(),
            used,
            usage.limit.to_string(),
            free.map_or_else(|| UNKNOWN.into(), |free| free.to_string()),
        ]);
    }
    table
}

/// Returns the table of those who hold slots.
pub fn holders(usages: &[Usage], now: Timestamp) -> Table {
    let mut columns = ["RESOURCE", "NAMESPACE", "NAME", "OF", "SLOT", "AGE"].map(Column::new).to_vec();
    columns.push(Column::wide("FREE WITH"));
    let mut table = Table::new(columns);
    for usage in usages {
        for holder in usage.holders() {
            let key = holder.key();
            let free = if holder.is_counted() { free_command(&usage.resource, &key) } else { "<none>".into() };
            table.row(vec![
                usage.plural().to_owned(),
                key.namespace,
                key.name,
                holder.source(),
                holder.slot().to_owned(),
                age::since(holder.created(), now),
                free,
            ]);
        }
    }
    table
}

/// Returns a line for each limit that is reached: the command that frees a slot.
pub fn advice(usages: &[Usage]) -> Vec<String> {
    let mut lines = Vec::new();
    for usage in usages {
        let Some(used) = usage.used().filter(|used| *used >= usize::try_from(usage.limit).unwrap_or(usize::MAX)) else {
            continue;
        };
        let oldest = usage.holders().into_iter().find(|holder| holder.is_counted() && !holder.is_deleting());
        let how = oldest.map_or_else(
            || "wait until one that is being deleted is gone".to_owned(),
            |holder| format!("free a slot, for example: {}", free_command(&usage.resource, &holder.key())),
        );
        lines.push(format!("{}: {used}/{} used; {how}", usage.plural(), usage.limit));
    }
    lines
}

/// Returns everything for scripts.
pub fn to_json(usages: &[Usage], enforced: Option<bool>) -> Value {
    let quotas: Vec<Value> = usages
        .iter()
        .map(|usage| {
            let holders: Vec<Value> = usage
                .holders()
                .iter()
                .map(|holder| {
                    let key = holder.key();
                    json!({
                        "freeWith": free_command(&usage.resource, &key),
                        "namespace": key.namespace,
                        "name": key.name,
                        "of": holder.source(),
                        "creationTimestamp": holder.created(),
                        "counted": holder.is_counted(),
                        "deleting": holder.is_deleting(),
                    })
                })
                .collect();
            json!({"resource": usage.resource, "used": usage.used(), "limit": usage.limit, "holders": holders})
        })
        .collect();
    json!({"quotas": quotas, "enforced": enforced})
}

/// Returns `plural.group/NAMESPACE/NAME` of all that take a slot.
pub fn names(usages: &[Usage]) -> String {
    let mut text = String::new();
    for usage in usages {
        for holder in usage.holders().into_iter().filter(|holder| holder.is_counted()) {
            let Key { namespace, name } = holder.key();
            text.push_str(&format!("{}/{namespace}/{name}\n", usage.resource));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use backup_policy::config::resource;

    use super::*;

    fn usages() -> Vec<Usage> {
        let objects = serde_json::from_value(json!([
            {"metadata": {"name": "new", "namespace": "shop", "creationTimestamp": "2026-11-21T09:00:00Z"},
             "spec": {"source": {"persistentVolumeClaimName": "web"}}},
            {"metadata": {"name": "old", "namespace": "shop", "creationTimestamp": "2026-11-19T09:00:00Z"},
             "spec": {"source": {"persistentVolumeClaimName": "db"}}},
            {"metadata": {"name": "going", "namespace": "a", "creationTimestamp": "2026-11-18T09:00:00Z",
                "deletionTimestamp": "2026-11-21T09:00:00Z"}, "spec": {"source": {}}},
            {"metadata": {"name": "velero-x", "namespace": "shop", "creationTimestamp": "2026-11-01T09:00:00Z",
                "labels": {"kubectl-backup.dev/quota-exempt": "true"}}, "spec": {"source": {"persistentVolumeClaimName": "web"}}},
        ]))
        .unwrap();
        let schedules = serde_json::from_value(json!([
            {"metadata": {"name": "nightly", "namespace": "velero"}, "spec": {"schedule": "0 3 * * *", "template": {}}},
        ]))
        .unwrap();
        vec![
            Usage { resource: resource::VOLUME_SNAPSHOTS.into(), limit: 3, objects: Objects::Listed(objects) },
            Usage { resource: resource::SCHEDULES.into(), limit: 3, objects: Objects::Listed(schedules) },
        ]
    }

    fn now() -> Timestamp {
        "2026-11-21T09:05:00Z".parse().unwrap()
    }

    #[test]
    fn limits_and_holders_are_shown() {
        insta::assert_snapshot!(limits(&usages()).render(false), @r"
        RESOURCE          USED   LIMIT   FREE
        volumesnapshots   3      3       0
        schedules         1      3       2
        ");
        insta::assert_snapshot!(holders(&usages(), now()).render(true), @r"
        RESOURCE          NAMESPACE   NAME       OF          SLOT                       AGE         FREE WITH
        volumesnapshots   a           going      <none>      counted until it is gone   3d          kubectl backup snapshot delete going -n a
        volumesnapshots   shop        old        pvc/db      counted                    2d          kubectl backup snapshot delete old -n shop
        volumesnapshots   shop        new        pvc/web     counted                    5m          kubectl backup snapshot delete new -n shop
        volumesnapshots   shop        velero-x   pvc/web     exempt                     20d         <none>
        schedules         velero      nightly    0 3 * * *   counted                    <unknown>   kubectl delete schedules.velero.io nightly -n velero
        ");
        insta::assert_snapshot!(advice(&usages()).join("\n"), @"volumesnapshots: 3/3 used; free a slot, for example: kubectl backup snapshot delete old -n shop");
        insta::assert_snapshot!(names(&usages()), @r"
        volumesnapshots.snapshot.storage.k8s.io/a/going
        volumesnapshots.snapshot.storage.k8s.io/shop/old
        volumesnapshots.snapshot.storage.k8s.io/shop/new
        schedules.velero.io/velero/nightly
        ");
    }

    #[test]
    fn what_could_not_be_counted_is_no_zero() {
        let usage = |objects| Usage { resource: resource::SCHEDULES.into(), limit: 3, objects };
        let usages = [usage(Objects::Forbidden), usage(Objects::NotInstalled)];
        insta::assert_snapshot!(limits(&usages).render(false), @r"
        RESOURCE    USED                LIMIT   FREE
        schedules   <unknown>           3       <unknown>
        schedules   0 (not installed)   3       3
        ");
        assert_eq!(to_json(&usages, None)["quotas"][0]["used"], Value::Null);
        assert!(advice(&usages).is_empty());
    }
}
