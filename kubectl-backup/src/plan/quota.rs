//! Limits, and who holds the slots.

use std::collections::BTreeSet;

use backup_api::labels;
use backup_ledger::{Key as SlotKey, LedgerStatus, Phase, Slot};
use backup_policy::{
    config::resource::VOLUME_SNAPSHOTS,
    quota::{Key, free_command},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Value, json};

use super::quota_suggestion::{Candidate, Claims, Snapshot, suggest};
use crate::output::{Column, Table, age, visible};

const UNKNOWN: &str = "<unknown>";

/// An object of a limited resource: only what is shown of it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Object {
    /// Name, labels, times.
    #[serde(default)]
    pub metadata: ObjectMeta,
    // What is in these depends on the resource: a type would refuse a whole list for one odd object.
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Value,
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
    /// What the webhook has recorded.
    pub ledger: Ledger,
}

/// The ledger of a quota.
#[derive(Clone, Debug)]
pub enum Ledger {
    /// As it is stored.
    Read(LedgerStatus),
    /// There is none.
    Absent,
    /// It may not be read.
    Forbidden,
}

impl Ledger {
    /// The slots, when they are known to cover all objects.
    fn ready(&self) -> Option<&LedgerStatus> {
        match self {
            Self::Read(status) if status.phase == Phase::Ready => Some(status),
            _ => None,
        }
    }

    fn told(&self) -> &'static str {
        match self {
            Self::Read(status) if status.phase == Phase::Ready => "ready",
            Self::Read(_) => "being set up",
            Self::Absent => "none",
            Self::Forbidden => UNKNOWN,
        }
    }
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
    /// Whether it takes a slot: the mark of exempt accounts means something on snapshots only.
    fn is_counted(&self, resource: &str) -> bool {
        if resource != VOLUME_SNAPSHOTS {
            return true;
        }
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
        let claim = self.claim().map(|claim| format!("pvc/{claim}"));
        let schedule = || self.spec.get("schedule").and_then(Value::as_str).map(str::to_owned);
        claim.or_else(schedule).unwrap_or_else(|| "<none>".into())
    }

    fn claim(&self) -> Option<&str> {
        self.spec.pointer("/source/persistentVolumeClaimName")?.as_str()
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            claim: self.claim().unwrap_or_default().to_owned(),
            ready: self.status.get("readyToUse") == Some(&Value::Bool(true)),
            error: self.status.pointer("/error/message").and_then(Value::as_str).map(str::to_owned),
        }
    }

    fn slot(&self, usage: &Usage) -> String {
        if !self.is_counted(&usage.resource) {
            return "exempt".to_owned();
        }
        if self.is_deleting() {
            return "held until it is gone".to_owned();
        }
        let Some(status) = usage.ledger.ready() else { return "counted".to_owned() };
        let key = self.key();
        let slot = status.slots.get(&SlotKey::new(&key.namespace, &key.name));
        slot.map_or_else(
            || "not recorded yet".to_owned(),
            |slot| if slot.live.is_some() { "live".to_owned() } else { pending(slot) },
        )
    }
}

impl Usage {
    fn plural(&self) -> &str {
        self.resource.split('.').next().unwrap_or(&self.resource)
    }

    /// Whether the webhook does not decide claims yet.
    pub fn is_being_set_up(&self) -> bool {
        matches!(&self.ledger, Ledger::Read(_)) && self.ledger.ready().is_none()
    }

    /// The slots that are taken, by the ledger if it is ready, and else by a count of the objects; `None` when neither could be read.
    pub fn used(&self) -> Option<usize> {
        if let Some(status) = self.ledger.ready() {
            return Some(status.slots.len());
        }
        match &self.objects {
            Objects::Listed(objects) => Some(objects.iter().filter(|object| object.is_counted(&self.resource)).count()),
            Objects::NotInstalled => Some(0),
            Objects::Forbidden => None,
        }
    }

    /// Whether a ledger of it is kept: somebody counts.
    pub fn is_recorded(&self) -> bool {
        self.ledger.ready().is_some()
    }

    /// The slots that are free; `None` when it is not known.
    pub fn free(&self) -> Option<usize> {
        self.used().map(|used| usize::try_from(self.limit).unwrap_or(usize::MAX).saturating_sub(used))
    }

    /// The objects that take a slot, the oldest first.
    pub fn oldest(&self) -> Vec<(Key, Option<Timestamp>)> {
        let counted = self.holders().into_iter().filter(|holder| holder.is_counted(&self.resource));
        counted.map(|holder| (holder.key(), holder.created())).collect()
    }

    /// What frees a slot.
    pub fn way_out(&self) -> String {
        let oldest =
            self.holders().into_iter().find(|holder| holder.is_counted(&self.resource) && !holder.is_deleting());
        oldest.map_or_else(
            || "wait until one that is being deleted is gone".to_owned(),
            |holder| format!("free a slot, for example: {}", free_command(&self.resource, &holder.key())),
        )
    }

    /// The oldest first: the likeliest to go.
    fn holders(&self) -> Vec<&Object> {
        let Objects::Listed(objects) = &self.objects else { return Vec::new() };
        let mut holders: Vec<&Object> = objects.iter().collect();
        holders.sort_by_key(|object| (!object.is_counted(&self.resource), object.created(), object.key()));
        holders
    }

    /// What could go.
    fn candidates(&self) -> Vec<Candidate> {
        let holders =
            self.holders().into_iter().filter(|holder| holder.is_counted(&self.resource) && !holder.is_deleting());
        let candidate = |holder: &Object| Candidate {
            key: holder.key(),
            created: holder.created(),
            snapshot: (self.resource == VOLUME_SNAPSHOTS).then(|| holder.snapshot()),
        };
        holders.map(candidate).collect()
    }

    /// Slots that no listed object holds: creates whose outcome is not known.
    fn pending(&self) -> Vec<(&SlotKey, &Slot)> {
        let listed: BTreeSet<_> =
            self.holders().into_iter().map(|object| (object.key().namespace, object.key().name)).collect();
        let slots = self.ledger.ready().into_iter().flat_map(|status| &status.slots);
        slots.filter(|(key, _)| !listed.contains(&(key.namespace().to_owned(), key.name().to_owned()))).collect()
    }
}

/// Returns the table of limits.
pub fn limits(usages: &[Usage]) -> Table {
    let mut columns = ["RESOURCE", "USED", "LIMIT", "FREE"].map(Column::new).to_vec();
    columns.extend([Column::yielding("PENDING"), Column::new("LEDGER")]);
    let mut table = Table::new(columns);
    for usage in usages {
        let used = match &usage.objects {
            Objects::NotInstalled => "0 (not installed)".to_owned(),
            _ => usage.used().map_or_else(|| UNKNOWN.into(), |used| used.to_string()),
        };
        table.row(vec![
            usage.plural().to_owned(),
            used,
            usage.limit.to_string(),
            usage.free().map_or_else(|| UNKNOWN.into(), |free| free.to_string()),
            usage.ledger.ready().map_or_else(|| UNKNOWN.into(), |status| status.pending_only().count().to_string()),
            usage.ledger.told().to_owned(),
        ]);
    }
    table
}

/// Returns the table of those who hold slots.
pub fn holders(usages: &[Usage], now: Timestamp) -> Table {
    let mut columns = ["RESOURCE", "NAMESPACE", "NAME"].map(Column::new).to_vec();
    columns.extend(["OF", "SLOT"].map(Column::yielding));
    columns.extend([Column::new("AGE"), Column::wide("FREE WITH")]);
    let mut table = Table::new(columns);
    for usage in usages {
        for holder in usage.holders() {
            let key = holder.key();
            let free =
                if holder.is_counted(&usage.resource) { free_command(&usage.resource, &key) } else { "<none>".into() };
            table.row(vec![
                usage.plural().to_owned(),
                key.namespace,
                key.name,
                holder.source(),
                holder.slot(usage),
                age::since(holder.created(), now),
                free,
            ]);
        }
        for (key, slot) in usage.pending() {
            table.row(vec![
                usage.plural().to_owned(),
                key.namespace().to_owned(),
                key.name().to_owned(),
                "<none>".to_owned(),
                pending(slot),
                UNKNOWN.to_owned(),
                "nothing: it ends by itself in about a minute".to_owned(),
            ]);
        }
    }
    table
}

fn pending(slot: &Slot) -> String {
    let first = slot.pend.values().find(|pending| !pending.since.is_empty());
    first.map_or_else(
        || "pending".to_owned(),
        |pending| {
            let since = pending.since.split('.').next().unwrap_or_default().trim_end_matches('Z');
            format!("pending since {since}Z by {}", visible(&pending.by))
        },
    )
}

/// Returns whether a snapshot has to go, so that it is of use to know which PVCs exist.
pub fn is_full_of_snapshots(usages: &[Usage]) -> bool {
    usages.iter().any(|usage| usage.resource == VOLUME_SNAPSHOTS && usage.free() == Some(0))
}

/// Returns lines for each limit that is reached: the commands that free a slot, the best first.
pub fn advice(usages: &[Usage], claims: &Claims) -> Vec<String> {
    let mut lines = Vec::new();
    for usage in usages.iter().filter(|usage| usage.free() == Some(0)) {
        let suggested = suggest(&usage.resource, &usage.candidates(), claims);
        let used = usage.used().unwrap_or_default();
        let head = format!("{}: {used}/{} used", usage.plural(), usage.limit);
        let all_going =
            usage.holders().iter().all(|holder| holder.is_deleting() || !holder.is_counted(&usage.resource));
        match (suggested.as_slice(), all_going) {
            ([], true) => lines.push(format!("{head}; wait until one that is being deleted is gone")),
            ([], false) => lines.push(format!(
                "{head}; each is the last ready one of its PVC or still being made: raise the limit with kubectl edit backuppolicy default"
            )),
            (suggested, _) => {
                lines.push(format!("{head}; free a slot, for example:"));
                lines.extend(suggested.iter().map(|one| format!("  {}   # {}", one.command, one.why)));
            }
        }
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
                        "counted": holder.is_counted(&usage.resource),
                        "slot": holder.slot(usage),
                        "deleting": holder.is_deleting(),
                    })
                })
                .collect();
            let waiting: Vec<Value> = usage
                .pending()
                .into_iter()
                .map(|(key, slot)| json!({"namespace": key.namespace(), "name": key.name(), "slot": pending(slot)}))
                .collect();
            json!({"resource": usage.resource, "used": usage.used(), "limit": usage.limit, "holders": holders, "ledger": usage.ledger.told(), "pending": waiting})
        })
        .collect();
    json!({"quotas": quotas, "enforced": enforced})
}

/// Returns `plural.group/NAMESPACE/NAME` of all that take a slot.
pub fn names(usages: &[Usage]) -> String {
    let mut text = String::new();
    for usage in usages {
        for holder in usage.holders().into_iter().filter(|holder| holder.is_counted(&usage.resource)) {
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
             "spec": {"source": {"persistentVolumeClaimName": "web"}}, "status": {"readyToUse": true}},
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
        let ledger = serde_json::from_value(json!({"phase": "Ready", "epoch": 9, "slots": {
            "shop/new": {"live": "u1"}, "shop/old": {"live": "u2"}, "a/going": {"live": "u3"},
            "shop/late": {"pend": {"u4": {"since": "2026-11-21T09:04:30.123Z", "by": "alice"}}},
        }}))
        .unwrap();
        vec![
            Usage {
                resource: VOLUME_SNAPSHOTS.into(),
                limit: 4,
                objects: Objects::Listed(objects),
                ledger: Ledger::Read(ledger),
            },
            Usage {
                resource: resource::SCHEDULES.into(),
                limit: 3,
                objects: Objects::Listed(schedules),
                ledger: Ledger::Absent,
            },
        ]
    }

    fn now() -> Timestamp {
        "2026-11-21T09:05:00Z".parse().unwrap()
    }

    #[test]
    fn limits_and_holders_are_shown() {
        insta::assert_snapshot!(limits(&usages()).render(false), @r"
        RESOURCE          USED   LIMIT   FREE   PENDING     LEDGER
        volumesnapshots   4      4       0      1           ready
        schedules         1      3       2      <unknown>   none
        ");
        insta::assert_snapshot!(holders(&usages(), now()).render(true), @r"
        RESOURCE          NAMESPACE   NAME       OF          SLOT                                          AGE         FREE WITH
        volumesnapshots   a           going      <none>      held until it is gone                         3d          kubectl backup snapshot delete going -n a
        volumesnapshots   shop        old        pvc/db      live                                          2d          kubectl backup snapshot delete old -n shop
        volumesnapshots   shop        new        pvc/web     live                                          5m          kubectl backup snapshot delete new -n shop
        volumesnapshots   shop        velero-x   pvc/web     exempt                                        20d         <none>
        volumesnapshots   shop        late       <none>      pending since 2026-11-21T09:04:30Z by alice   <unknown>   nothing: it ends by itself in about a minute
        schedules         velero      nightly    0 3 * * *   counted                                       <unknown>   kubectl delete schedules.velero.io nightly -n velero
        ");
        insta::assert_snapshot!(advice(&usages(), &None).join("\n"), @"volumesnapshots: 4/4 used; each is the last ready one of its PVC or still being made: raise the limit with kubectl edit backuppolicy default");
        insta::assert_snapshot!(names(&usages()), @r"
        volumesnapshots.snapshot.storage.k8s.io/a/going
        volumesnapshots.snapshot.storage.k8s.io/shop/old
        volumesnapshots.snapshot.storage.k8s.io/shop/new
        schedules.velero.io/velero/nightly
        ");
    }

    #[test]
    fn what_could_not_be_counted_is_no_zero() {
        let usage =
            |objects| Usage { resource: resource::SCHEDULES.into(), limit: 3, objects, ledger: Ledger::Forbidden };
        let usages = [usage(Objects::Forbidden), usage(Objects::NotInstalled)];
        insta::assert_snapshot!(limits(&usages).render(false), @r"
        RESOURCE    USED                LIMIT   FREE        PENDING     LEDGER
        schedules   <unknown>           3       <unknown>   <unknown>   <unknown>
        schedules   0 (not installed)   3       3           <unknown>   <unknown>
        ");
        assert_eq!(to_json(&usages, None)["quotas"][0]["used"], Value::Null);
        assert!(advice(&usages, &None).is_empty());
    }
}
