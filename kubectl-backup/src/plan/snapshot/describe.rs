//! What is known of a snapshot, in words.

use std::collections::BTreeMap;

use backup_api::{labels, snapshot::VolumeSnapshot};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use super::{
    content::Content,
    dependants::{self, Claims, Dependant},
    lent::Borrower,
    origin::{self, Standing},
    table::{ready, restore_command},
};
use crate::{
    facts::events,
    output::{Column, Report, Table, age},
};

const UNKNOWN: &str = "<unknown>";
const FORBIDDEN: &str = "<unknown>: may not be read";

/// What was read.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The snapshot.
    pub snapshot: VolumeSnapshot,
    /// Its content.
    pub content: Content,
    /// Whether the backup is there that Velero restored it from; not known for any other.
    pub backup: Standing,
    /// The claims that may have been restored from it.
    pub claims: &'a Claims,
    /// Who restores it into another namespace, as far as that may be known.
    pub borrowers: Vec<Borrower>,
    /// Events of the snapshot and its content, the oldest first, when they may be listed.
    pub events: Option<Vec<Event>>,
}

/// Returns the text.
pub fn render(facts: &Facts<'_>, now: Timestamp) -> String {
    let mut report = Report::default();
    of_snapshot(&mut report, facts, now);
    of_content(&mut report, facts);
    of_claims(&mut report, facts, now);
    of_events(&mut report, facts, now);
    next(&mut report, facts);
    report.finish()
}

/// Returns the PVCs that were or are being restored from the snapshot.
pub fn dependants(facts: &Facts<'_>, now: Timestamp) -> Vec<Dependant> {
    dependants::of(&facts.snapshot, facts.claims, &facts.borrowers, now)
}

/// Returns the command that restores the snapshot; none where there is nothing to restore.
pub fn command(facts: &Facts<'_>) -> Option<String> {
    restore_command(&facts.snapshot, facts.backup).filter(|_| !facts.content.is_lost())
}

fn of_snapshot(report: &mut Report, facts: &Facts<'_>, now: Timestamp) {
    let metadata = &facts.snapshot.metadata;
    let status = facts.snapshot.status.as_ref();
    let source = &facts.snapshot.spec.source;
    let gone = match (&facts.claims.own, &source.persistent_volume_claim_name) {
        (Some(claims), Some(name)) if !claims.iter().any(|claim| claim.metadata.name.as_ref() == Some(name)) => {
            " (gone)"
        }
        _ => "",
    };
    let annotation = |key: &str| metadata.annotations.as_ref().and_then(|all| all.get(key)).cloned();
    let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
    report
        .field("Name", metadata.name.as_deref().unwrap_or_default())
        .field("Namespace", metadata.namespace.as_deref().unwrap_or_default())
        .field("Labels", &pairs(metadata.labels.as_ref()))
        .field("Group", &group(facts))
        .field(
            "Created",
            &created.map_or_else(|| UNKNOWN.into(), |time| format!("{time} ({} ago)", age::since(Some(time), now))),
        );
    if let Some(restored) = origin::restored(&facts.snapshot) {
        report.field("Origin", &restored.words(facts.backup));
    }
    if let Some(deleted) = &metadata.deletion_timestamp {
        let held = metadata.finalizers.clone().unwrap_or_default().join(", ");
        report.field("Deleting", &format!("for {}, held by {held}", age::since(Some(deleted.0), now)));
    }
    let claim = source.persistent_volume_claim_name.as_deref();
    report.field("PVC", &claim.map_or_else(|| "<none>".into(), |claim| format!("{claim}{gone}")));
    let notes = [labels::SOURCE_STORAGE_CLASS, labels::SOURCE_ACCESS_MODES, labels::SOURCE_SIZE];
    let notes: Vec<String> = notes.into_iter().filter_map(annotation).collect();
    if !notes.is_empty() {
        report.field("PVC was", &notes.join(" "));
    }
    report
        .field("Class", facts.snapshot.spec.volume_snapshot_class_name.as_deref().unwrap_or_default())
        .field("Ready", ready(&facts.snapshot, facts.backup))
        .field("Taken", status.and_then(|status| status.creation_time.as_deref()).unwrap_or("not yet"))
        .field("Restore size", status.and_then(|status| status.restore_size.as_ref()).map_or(UNKNOWN, |size| &size.0));
    if let Some(error) = status.and_then(|status| status.error.as_ref()) {
        let when = error.time.as_deref().map(|time| format!(" ({time})")).unwrap_or_default();
        report.field("Error", &format!("{}{when}", error.message.as_deref().unwrap_or("without a message")));
    }
}

fn of_content(report: &mut Report, facts: &Facts<'_>) {
    let content = match &facts.content {
        Content::Found(content) => content,
        Content::Unbound => {
            report.field("Content", "");
            return;
        }
        Content::Hidden(name) => {
            report.field("Content", &format!("{name} (may not be read)"));
            return;
        }
        Content::Gone(name) => {
            report.field("Content", &format!("{name} (gone: nothing can be restored from this snapshot)"));
            return;
        }
    };
    let name = content.metadata.name.as_deref().unwrap_or_default();
    let status = content.status.as_ref();
    let handle = status.and_then(|status| status.snapshot_handle.as_deref());
    let policy = match content.spec.deletion_policy.as_str() {
        "Retain" => "Retain (the storage keeps its copy when this snapshot is deleted)",
        "Delete" => "Delete (the storage's copy goes with this snapshot)",
        other => other,
    };
    report
        .field("Content", name)
        .field("Driver", &content.spec.driver)
        .field("Handle", handle.or(content.spec.source.snapshot_handle.as_deref()).unwrap_or(UNKNOWN))
        .field("Volume mode", content.spec.source_volume_mode.as_deref().unwrap_or(UNKNOWN))
        .field("Deletion policy", policy);
    let of_snapshot = facts.snapshot.status.as_ref().and_then(|status| status.error.as_ref()?.message.as_ref());
    if let Some(message) = status
        .and_then(|status| status.error.as_ref()?.message.as_ref())
        .filter(|message| of_snapshot != Some(*message))
    {
        report.field("Content error", message);
    }
}

fn of_claims(report: &mut Report, facts: &Facts<'_>, now: Timestamp) {
    let lines = dependants::lines(&facts.snapshot, &dependants(facts, now), facts.claims.scope());
    report.field("Restored into", &lines.join("\n"));
}

fn of_events(report: &mut Report, facts: &Facts<'_>, now: Timestamp) {
    let Some(all) = &facts.events else {
        report.field("Events", FORBIDDEN);
        return;
    };
    let mut table = Table::new(["TYPE", "REASON", "AGE", "MESSAGE"].map(Column::new).to_vec());
    for event in all {
        table.row(vec![
            event.type_.clone().unwrap_or_default(),
            event.reason.clone().unwrap_or_default(),
            age::since(events::when(event), now),
            event.message.as_deref().unwrap_or_default().trim().to_owned(),
        ]);
    }
    report.block("Events", &if table.is_empty() { String::new() } else { table.render(false) });
}

fn next(report: &mut Report, facts: &Facts<'_>) {
    if let Some(command) = command(facts) {
        report.field("Restore with", &command);
    }
}

/// The group, with how to see all of it.
fn group(facts: &Facts<'_>) -> String {
    let metadata = &facts.snapshot.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let group = metadata.labels.as_ref().and_then(|labels| labels.get(labels::GROUP));
    group.map_or_else(String::new, |group| {
        format!("{group} (see all: kubectl backup snapshot list --group {group} -n {namespace})")
    })
}

fn pairs(labels: Option<&BTreeMap<String, String>>) -> String {
    let lines: Vec<String> = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::snapshot::lent::Seen;

    fn now() -> Timestamp {
        "2026-11-21T09:05:00Z".parse().unwrap()
    }

    #[test]
    fn a_ready_snapshot_tells_where_it_lies_and_how_to_restore_it() {
        let claims = Claims {
            own: Some(serde_json::from_value(json!([
                {"metadata": {"name": "web"}, "status": {"phase": "Bound"}, "spec": {}},
                {"metadata": {"name": "older", "namespace": "shop", "creationTimestamp": "2026-11-20T09:00:00Z"},
                 "status": {"phase": "Bound"}, "spec": {"dataSource": {"kind": "VolumeSnapshot", "name": "s1"}}},
                {"metadata": {"name": "new", "namespace": "shop", "creationTimestamp": "2026-11-21T09:01:00Z"},
                 "status": {"phase": "Bound"},
                 "spec": {"dataSource": {"kind": "VolumeSnapshot", "name": "s1"}}},
            ])).unwrap()),
            elsewhere: Some(serde_json::from_value(json!([
                {"metadata": {"name": "done", "namespace": "lab",
                    "annotations": {labels::FILLED_FROM: "VolumeSnapshot/shop/s1/u-1"}}, "status": {"phase": "Bound"}},
            ])).unwrap()),
        };
        let facts = Facts {
            snapshot: serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "VolumeSnapshot",
                "metadata": {"name": "s1", "namespace": "shop", "uid": "u-1", "creationTimestamp": "2026-11-21T09:00:00Z",
                    "labels": {"app": "web"}, "annotations": {labels::SOURCE_STORAGE_CLASS: "block", labels::SOURCE_SIZE: "1Gi"}},
                "spec": {"source": {"persistentVolumeClaimName": "web"}, "volumeSnapshotClassName": "block-snapshot"},
                "status": {"readyToUse": true, "restoreSize": "1Gi", "creationTime": "2026-11-21T09:00:01Z",
                    "boundVolumeSnapshotContentName": "c1"},
            })).unwrap(),
            content: Content::Found(Box::new(serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "VolumeSnapshotContent", "metadata": {"name": "c1"},
                "spec": {"driver": "csi.test", "deletionPolicy": "Delete", "sourceVolumeMode": "Filesystem"},
                "status": {"snapshotHandle": "h1"},
            })).unwrap())),
            backup: Standing::Unknown,
            claims: &claims,
            borrowers: vec![Borrower {
                content: serde_json::from_value(json!({"apiVersion": "v1", "kind": "VolumeSnapshotContent",
                    "metadata": {"name": "c2", "annotations": {labels::FILLS: "test/copy", labels::STANDS_FOR: "shop/s1"}},
                    "spec": {"driver": "csi.test", "deletionPolicy": "Retain", "volumeSnapshotRef": {"name": "copy-restore"}}}))
                .unwrap(),
                snapshot: Seen::Hidden,
                claim: Seen::Hidden,
            }],
            events: Some(serde_json::from_value(json!([
                {"metadata": {}, "involvedObject": {}, "type": "Normal", "reason": "SnapshotReady", "message": "is ready\n",
                 "lastTimestamp": "2026-11-21T09:00:02Z"},
            ])).unwrap()),
        };
        insta::assert_snapshot!(render(&facts, now()), @r"
        Name:             s1
        Namespace:        shop
        Labels:           app=web
        Group:            <none>
        Created:          2026-11-21T09:00:00Z (5m ago)
        PVC:              web
        PVC was:          block 1Gi
        Class:            block-snapshot
        Ready:            true
        Taken:            2026-11-21T09:00:01Z
        Restore size:     1Gi
        Content:          c1
        Driver:           csi.test
        Handle:           h1
        Volume mode:      Filesystem
        Deletion policy:  Delete (the storage's copy goes with this snapshot)
        Restored into:    new (Bound)
                          done in namespace lab (Bound)
                          copy in namespace test (under way)
        Events:
          TYPE     REASON          AGE     MESSAGE
          Normal   SnapshotReady   4m58s   is ready
        Restore with:     kubectl backup snapshot restore s1 --to NEW-PVC -n shop
        ");
    }

    #[test]
    fn a_failed_one_says_why_and_what_could_not_be_read() {
        let facts = Facts {
            snapshot: serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "VolumeSnapshot",
                "metadata": {"name": "s1", "namespace": "shop", "deletionTimestamp": "2026-11-21T09:04:00Z", "finalizers": ["f1", "f2"]},
                "spec": {"source": {"persistentVolumeClaimName": "web"}},
                "status": {"readyToUse": false, "error": {"message": "pool full", "time": "2026-11-21T09:00:01Z"},
                    "boundVolumeSnapshotContentName": "c1"},
            })).unwrap(),
            content: Content::Hidden("c1".into()),
            backup: Standing::Unknown,
            claims: &Claims::default(),
            borrowers: Vec::new(),
            events: None,
        };
        insta::assert_snapshot!(render(&facts, now()), @r"
        Name:             s1
        Namespace:        shop
        Labels:           <none>
        Group:            <none>
        Created:          <unknown>
        Deleting:         for 60s, held by f1, f2
        PVC:              web
        Class:            <none>
        Ready:            deleting
        Taken:            not yet
        Restore size:     <unknown>
        Error:            pool full (2026-11-21T09:00:01Z)
        Content:          c1 (may not be read)
        Restored into:    <unknown>: may not be read
        Events:           <unknown>: may not be read
        ");
    }

    #[test]
    fn a_restored_one_without_its_backup_is_not_offered() {
        let told = |backup: Standing, content: Content| {
            let snapshot = serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "VolumeSnapshot",
                "metadata": {"name": "s1", "namespace": "shop",
                    "labels": {labels::VELERO_BACKUP_NAME: "nightly", labels::VELERO_RESTORE_NAME: "nightly-1"}},
                "spec": {"source": {"volumeSnapshotContentName": "c1"}},
                "status": {"readyToUse": true, "restoreSize": "1Gi"},
            }));
            let facts = Facts {
                snapshot: snapshot.unwrap(),
                content,
                backup,
                claims: &Claims::default(),
                borrowers: Vec::new(),
                events: None,
            };
            let text = render(&facts, now());
            let wanted = ["Origin", "Ready", "Content", "Restore with"];
            let lines = text.lines().filter(|line| wanted.iter().any(|field| line.starts_with(field)));
            lines.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(told(Standing::Gone, Content::Hidden("c1".into())), @r#"
        Origin:           brought back by Velero's restore "nightly-1" from backup "nightly": that backup is gone, and as a rule its data with it
        Ready:            lost
        Content:          c1 (may not be read)
        "#);
        assert!(told(Standing::There, Content::Hidden("c1".into())).contains("Restore with"));
        insta::assert_snapshot!(told(Standing::There, Content::Gone("c1".into())), @r#"
        Origin:           brought back by Velero's restore "nightly-1" from backup "nightly": its data go with that backup
        Ready:            true
        Content:          c1 (gone: nothing can be restored from this snapshot)
        "#);
    }
}
