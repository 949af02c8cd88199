//! A backup as a row of `list`: only what the table shows, so that thousands are small.

use std::cmp::Ordering;

use backup_api::velero::BackupProgress;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;

use crate::{
    output::{Column, Table, age},
    plan::{
        backup::is_glob,
        backup_lock::{self, LockNotes},
        selector_words,
    },
};

const NONE: &str = "<none>";

/// The part of a Backup that the table shows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct BackupRow {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    creation_timestamp: Option<Timestamp>,
    annotations: Option<LockNotes>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    included_namespaces: Option<Vec<String>>,
    excluded_namespaces: Option<Vec<String>>,
    label_selector: Option<LabelSelector>,
    or_label_selectors: Option<Vec<LabelSelector>>,
    storage_location: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: Option<String>,
    errors: Option<i64>,
    warnings: Option<i64>,
    start_timestamp: Option<Timestamp>,
    expiration: Option<Timestamp>,
    progress: Option<BackupProgress>,
    queue_position: Option<i64>,
}

impl BackupRow {
    /// The backup's name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Returns whether the backup holds the namespace, as far as its filter tells.
    pub fn may_hold(&self, namespace: &str) -> bool {
        may_hold(self.spec.included_namespaces.as_deref(), self.spec.excluded_namespaces.as_deref(), namespace)
    }
}

/// Returns whether a filter lets the namespace in: a pattern may match it.
pub fn may_hold(included: Option<&[String]>, excluded: Option<&[String]>, namespace: &str) -> bool {
    let names = |list: Option<&[String]>, pattern: bool| {
        list.into_iter().flatten().any(|name| name == namespace || (pattern && name.contains(is_glob)))
    };
    let all = included.is_none_or(<[String]>::is_empty);
    (all || names(included, true)) && !names(excluded, false)
}

/// The order of tables: the newest first.
pub fn newest_first(a: &BackupRow, b: &BackupRow) -> Ordering {
    let created = |row: &BackupRow| row.metadata.creation_timestamp;
    created(b).cmp(&created(a)).then_with(|| a.metadata.name.cmp(&b.metadata.name))
}

/// Returns the table.
pub fn table(rows: &[BackupRow], now: Timestamp) -> Table {
    let mut columns: Vec<Column> =
        ["NAME", "STATUS", "ERRORS", "WARNINGS", "EXPIRES", "LOCATION"].map(Column::new).into();
    columns.extend(["LOCKED-UNTIL", "NAMESPACES", "SELECTOR", "ITEMS", "QUEUE"].map(Column::wide));
    columns.push(Column::new("AGE"));
    let mut table = Table::new(columns);
    for row in rows {
        table.row(cells(row, now));
    }
    table
}

fn cells(row: &BackupRow, now: Timestamp) -> Vec<String> {
    let BackupRow { metadata, spec, status } = row.clone();
    let count = |number: Option<i64>| number.unwrap_or_default().to_string();
    let lock = metadata.annotations.unwrap_or_default();
    let locked = lock.end(metadata.creation_timestamp, status.start_timestamp, status.phase.as_deref(), now);
    let or_none = |text: String| if text.is_empty() { NONE.to_owned() } else { text };
    vec![
        metadata.name,
        status.phase.filter(|phase| !phase.is_empty()).unwrap_or_else(|| "New".into()),
        count(status.errors),
        count(status.warnings),
        expires(status.expiration, now),
        or_none(spec.storage_location.unwrap_or_default()),
        backup_lock::cell(locked),
        namespaces(spec.included_namespaces.as_deref(), spec.excluded_namespaces.as_deref()),
        or_none(selector_words::words(spec.label_selector.as_ref(), spec.or_label_selectors.as_deref())),
        items(status.progress),
        status
            .queue_position
            .filter(|&position| position > 0)
            .map_or_else(|| NONE.into(), |position| position.to_string()),
        age::since(metadata.creation_timestamp, now),
    ]
}

/// Returns the time that is left.
pub fn expires(at: Option<Timestamp>, now: Timestamp) -> String {
    match at.map(|at| at.as_second() - now.as_second()) {
        None => NONE.into(),
        Some(left) if left <= 0 => "expired".into(),
        Some(left) => age::human_duration(left),
    }
}

/// Returns the namespaces in words.
pub fn namespaces(included: Option<&[String]>, excluded: Option<&[String]>) -> String {
    let mut text = included.filter(|names| !names.is_empty()).map_or_else(|| "*".into(), |names| names.join(","));
    for name in excluded.unwrap_or_default() {
        text.push_str(&format!(",!{name}"));
    }
    text
}

fn items(progress: Option<BackupProgress>) -> String {
    match progress {
        None => NONE.into(),
        Some(progress) if progress.items_backed_up == progress.total_items => progress.total_items.to_string(),
        Some(progress) => format!("{}/{}", progress.items_backed_up, progress.total_items),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows() -> Vec<BackupRow> {
        let rows = json!([
            {"metadata": {"name": "old", "creationTimestamp": "2026-11-01T00:00:00Z", "managedFields": [{}],
              "annotations": {"kubectl-backup.dev/locked-until": "2026-11-30T00:00:00Z", "note": "x"}},
             "spec": {"includedNamespaces": ["shop", "pay"], "labelSelector": {"matchLabels": {"app": "web"}}, "storageLocation": "s3"},
             "status": {"phase": "PartiallyFailed", "errors": 2, "warnings": 1, "expiration": "2026-12-01T00:00:00Z",
                        "progress": {"totalItems": 40, "itemsBackedUp": 40}}},
            {"metadata": {"name": "new", "creationTimestamp": "2026-11-21T00:00:00Z"},
             "spec": {"excludedNamespaces": ["kube-system"]}, "status": {"phase": "Queued", "queuePosition": 2}},
            {"metadata": {"name": "bare", "creationTimestamp": "2026-11-21T00:00:00Z"}},
        ]);
        serde_json::from_value(rows).unwrap()
    }

    #[test]
    fn the_newest_is_on_top() {
        let now = "2026-11-21T00:05:00Z".parse().unwrap();
        let mut rows = rows();
        rows.sort_by(newest_first);
        insta::assert_snapshot!(table(&rows, now).render(true), @r"
        NAME   STATUS            ERRORS   WARNINGS   EXPIRES   LOCATION   LOCKED-UNTIL           NAMESPACES       SELECTOR   ITEMS    QUEUE    AGE
        bare   New               0        0          <none>    <none>     <none>                 *                <none>     <none>   <none>   5m
        new    Queued            0        0          <none>    <none>     <none>                 *,!kube-system   <none>     <none>   2        5m
        old    PartiallyFailed   2        1          9d        s3         2026-11-30T00:00:00Z   shop,pay         app=web    40       <none>   20d
        ");
    }

    #[test]
    fn which_backups_hold_a_namespace_is_told_by_their_filter() {
        let holding = |namespace: &str| -> Vec<String> {
            rows().iter().filter(|row| row.may_hold(namespace)).map(|row| row.name().to_owned()).collect()
        };
        assert_eq!(holding("shop"), ["old", "new", "bare"]);
        assert_eq!(holding("kube-system"), ["bare"]);
        assert_eq!(holding("other"), ["new", "bare"]);
    }
}
