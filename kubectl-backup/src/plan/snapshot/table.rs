//! The table of `snapshot list`.

use std::collections::{BTreeMap, HashMap};

use backup_api::{
    labels,
    snapshot::{VolumeSnapshot, VolumeSnapshotContent},
};
use jiff::Timestamp;

use super::origin::{self, Standing};
use crate::output::{Column, Table, age};

const NONE: &str = "<none>";
const UNKNOWN: &str = "<unknown>";

/// Returns the table. `contents` are those that could be read, by name; `backups` tells whether those are there that
/// Velero restored snapshots from.
pub fn of(
    snapshots: &[VolumeSnapshot],
    contents: &HashMap<String, VolumeSnapshotContent>,
    backups: &BTreeMap<String, Standing>,
    with_namespace: bool,
    now: Timestamp,
) -> Table {
    let mut columns = Vec::new();
    if with_namespace {
        columns.push(Column::new("NAMESPACE"));
    }
    columns.extend(["NAME", "PVC", "READY", "SIZE"].map(Column::new));
    columns.extend(["CLASS", "GROUP"].map(Column::yielding));
    columns.push(Column::new("AGE"));
    columns.extend(["CONTENT", "HANDLE", "DRIVER", "RESTORE WITH"].map(Column::wide));
    let mut table = Table::new(columns);
    for snapshot in snapshots {
        let mut cells = Vec::new();
        if with_namespace {
            cells.push(snapshot.metadata.namespace.clone().unwrap_or_default());
        }
        let backup = origin::restored(snapshot).and_then(|restored| backups.get(restored.backup).copied());
        cells.extend(cells_of(snapshot, contents, backup.unwrap_or_default(), now));
        table.row(cells);
    }
    table
}

fn cells_of(
    snapshot: &VolumeSnapshot,
    contents: &HashMap<String, VolumeSnapshotContent>,
    backup: Standing,
    now: Timestamp,
) -> [String; 11] {
    let or_none = |text: Option<&String>| text.cloned().unwrap_or_else(|| NONE.into());
    let status = snapshot.status.as_ref();
    let bound = status.and_then(|status| status.bound_volume_snapshot_content_name.as_ref());
    let content = bound.and_then(|name| contents.get(name));
    let handle = content.and_then(|content| {
        let reported = content.status.as_ref().and_then(|status| status.snapshot_handle.clone());
        reported.or_else(|| content.spec.source.snapshot_handle.clone())
    });
    [
        snapshot.metadata.name.clone().unwrap_or_default(),
        or_none(snapshot.spec.source.persistent_volume_claim_name.as_ref()),
        ready(snapshot, backup).to_owned(),
        status.and_then(|status| status.restore_size.as_ref()).map_or_else(|| UNKNOWN.into(), |size| size.0.clone()),
        or_none(snapshot.spec.volume_snapshot_class_name.as_ref()),
        or_none(snapshot.metadata.labels.as_ref().and_then(|labels| labels.get(labels::GROUP))),
        age::since(snapshot.metadata.creation_timestamp.as_ref().map(|time| time.0), now),
        or_none(bound),
        handle.unwrap_or_else(|| UNKNOWN.into()),
        content.map_or_else(|| UNKNOWN.into(), |content| content.spec.driver.clone()),
        restore_command(snapshot, backup).unwrap_or_else(|| NONE.into()),
    ]
}

/// Returns the command that restores a snapshot; none where there is nothing to restore.
pub fn restore_command(snapshot: &VolumeSnapshot, backup: Standing) -> Option<String> {
    let name = snapshot.metadata.name.as_deref().unwrap_or_default();
    let namespace = snapshot.metadata.namespace.as_deref().unwrap_or_default();
    (ready(snapshot, backup) == "true")
        .then(|| format!("kubectl backup snapshot restore {name} --to NEW-PVC -n {namespace}"))
}

/// Returns one word for how a snapshot is: `true`, `false`, `error`, `deleting`, or `lost` where the backup is gone that
/// its data belonged to.
pub fn ready(snapshot: &VolumeSnapshot, backup: Standing) -> &'static str {
    let status = snapshot.status.as_ref();
    if snapshot.metadata.deletion_timestamp.is_some() {
        "deleting"
    } else if backup == Standing::Gone && origin::restored(snapshot).is_some() {
        "lost"
    } else if status.is_some_and(|status| status.ready_to_use == Some(true)) {
        "true"
    } else if status.is_some_and(|status| status.error.is_some()) {
        "error"
    } else {
        "false"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_snapshot_has_a_row() {
        let snapshots: Vec<VolumeSnapshot> = serde_json::from_value(json!([
            {"apiVersion": "v1", "kind": "VolumeSnapshot",
             "metadata": {"name": "web-1", "namespace": "shop", "creationTimestamp": "2026-11-21T09:00:00Z", "labels": {"kubectl-backup.dev/group": "g1"}},
             "spec": {"source": {"persistentVolumeClaimName": "web"}, "volumeSnapshotClassName": "block-snapshot"},
             "status": {"readyToUse": true, "restoreSize": "1Gi", "boundVolumeSnapshotContentName": "c1"}},
            {"apiVersion": "v1", "kind": "VolumeSnapshot",
             "metadata": {"name": "bad", "namespace": "shop", "creationTimestamp": "2026-11-21T08:00:00Z"},
             "spec": {"source": {"persistentVolumeClaimName": "web"}},
             "status": {"readyToUse": false, "error": {"message": "boom"}}},
            {"apiVersion": "v1", "kind": "VolumeSnapshot", "metadata": {"name": "new", "namespace": "shop"},
             "spec": {"source": {"volumeSnapshotContentName": "c9"}}},
            {"apiVersion": "v1", "kind": "VolumeSnapshot",
             "metadata": {"name": "back", "namespace": "shop", "labels": {"velero.io/backup-name": "b1", "velero.io/restore-name": "r1"}},
             "spec": {"source": {"volumeSnapshotContentName": "c8"}}, "status": {"readyToUse": true}},
        ]))
        .unwrap();
        let content: VolumeSnapshotContent = serde_json::from_value(json!(
            {"apiVersion": "v1", "kind": "VolumeSnapshotContent", "metadata": {"name": "c1"},
             "spec": {"driver": "csi.test"}, "status": {"snapshotHandle": "h1"}}
        ))
        .unwrap();
        let contents = HashMap::from([("c1".to_owned(), content)]);
        let now = "2026-11-21T09:05:00Z".parse().unwrap();
        insta::assert_snapshot!(of(&snapshots, &contents, &BTreeMap::new(), false, now).render(true), @r"
        NAME    PVC      READY   SIZE        CLASS            GROUP    AGE         CONTENT   HANDLE      DRIVER      RESTORE WITH
        web-1   web      true    1Gi         block-snapshot   g1       5m          c1        h1          csi.test    kubectl backup snapshot restore web-1 --to NEW-PVC -n shop
        bad     web      error   <unknown>   <none>           <none>   65m         <none>    <unknown>   <unknown>   <none>
        new     <none>   false   <unknown>   <none>           <none>   <unknown>   <none>    <unknown>   <unknown>   <none>
        back    <none>   true    <unknown>   <none>           <none>   <unknown>   <none>    <unknown>   <unknown>   kubectl backup snapshot restore back --to NEW-PVC -n shop
        ");
        insta::assert_snapshot!(of(&snapshots, &HashMap::new(), &BTreeMap::from([("b1".to_owned(), Standing::Gone)]), true, now).render(false), @r"
        NAMESPACE   NAME    PVC      READY   SIZE        CLASS            GROUP    AGE
        shop        web-1   web      true    1Gi         block-snapshot   g1       5m
        shop        bad     web      error   <unknown>   <none>           <none>   65m
        shop        new     <none>   false   <unknown>   <none>           <none>   <unknown>
        shop        back    <none>   lost    <unknown>   <none>           <none>   <unknown>
        ");
    }
}
