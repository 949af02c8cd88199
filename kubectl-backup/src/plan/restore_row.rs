//! A restore as a row of `restore list`.

use std::cmp::Ordering;

use backup_api::velero::Restore;
use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::{
    output::{Column, Table, age},
    plan::{
        backup_row::{may_hold, namespaces},
        selector_words,
    },
};

const NONE: &str = "<none>";

/// The restore's name.
pub fn name(restore: &Restore) -> &str {
    restore.metadata.name.as_deref().unwrap_or_default()
}

/// Returns whether the restore may have written into the namespace, as far as its filter tells.
pub fn may_write(restore: &Restore, namespace: &str) -> bool {
    let spec = &restore.spec;
    let mut mappings = spec.namespace_mapping.iter().flatten();
    if mappings.any(|(_, to)| to == namespace) {
        return true;
    }
    let moved = spec.namespace_mapping.as_ref().is_some_and(|mapping| mapping.contains_key(namespace));
    !moved && may_hold(spec.included_namespaces.as_deref(), spec.excluded_namespaces.as_deref(), namespace)
}

/// The order of tables: the newest first.
pub fn newest_first(a: &Restore, b: &Restore) -> Ordering {
    let created = |restore: &Restore| restore.metadata.creation_timestamp.as_ref().map(|time| time.0);
    created(b).cmp(&created(a)).then_with(|| a.name_any().cmp(&b.name_any()))
}

/// Returns the table.
pub fn table(restores: &[Restore], now: Timestamp) -> Table {
    let mut columns: Vec<Column> = ["NAME", "BACKUP", "STATUS", "ERRORS", "WARNINGS"].map(Column::new).into();
    columns.extend(["NAMESPACES", "MAPPINGS", "SELECTOR", "ITEMS", "DURATION"].map(Column::wide));
    columns.push(Column::new("AGE"));
    let mut table = Table::new(columns);
    for restore in restores {
        table.row(cells(restore, now));
    }
    table
}

fn cells(restore: &Restore, now: Timestamp) -> Vec<String> {
    let (spec, status) = (&restore.spec, restore.status.clone().unwrap_or_default());
    let or_none = |text: String| if text.is_empty() { NONE.to_owned() } else { text };
    let source = spec.backup_name.clone().filter(|name| !name.is_empty());
    let mappings: Vec<String> =
        spec.namespace_mapping.iter().flatten().map(|(from, to)| format!("{from}:{to}")).collect();
    vec![
        restore.name_any(),
        or_none(source.or_else(|| spec.schedule_name.clone()).unwrap_or_default()),
        status.phase.filter(|phase| !phase.is_empty()).unwrap_or_else(|| "New".into()),
        status.errors.unwrap_or_default().to_string(),
        status.warnings.unwrap_or_default().to_string(),
        namespaces(spec.included_namespaces.as_deref(), spec.excluded_namespaces.as_deref()),
        or_none(mappings.join(",")),
        or_none(selector_words::words(spec.label_selector.as_ref(), spec.or_label_selectors.as_deref())),
        status
            .progress
            .map_or_else(|| NONE.into(), |progress| format!("{}/{}", progress.items_restored, progress.total_items)),
        or_none(duration(status.start_timestamp.as_deref(), status.completion_timestamp.as_deref())),
        age::since(restore.metadata.creation_timestamp.as_ref().map(|time| time.0), now),
    ]
}

/// Returns how long it took; empty while it runs.
pub fn duration(start: Option<&str>, end: Option<&str>) -> String {
    let time = |text: Option<&str>| text?.parse::<Timestamp>().ok();
    match (time(start), time(end)) {
        (Some(start), Some(end)) => age::human_duration(end.as_second() - start.as_second()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn where_a_restore_may_have_written_is_told_by_filter_and_mapping() {
        let writes = |spec: serde_json::Value, namespace: &str| {
            let restore =
                serde_json::json!({"apiVersion": "velero.io/v1", "kind": "Restore", "metadata": {}, "spec": spec});
            may_write(&serde_json::from_value(restore).unwrap(), namespace)
        };
        let moved = serde_json::json!({"includedNamespaces": ["shop", "pay"], "namespaceMapping": {"shop": "copy"}});
        assert!(writes(moved.clone(), "copy") && writes(moved.clone(), "pay"));
        assert!(!writes(moved.clone(), "shop") && !writes(moved, "other"));
        assert!(writes(serde_json::json!({}), "any"));
    }

    #[test]
    fn each_restore_says_from_which_backup() {
        let mut restores: Vec<Restore> = serde_json::from_value(json!([
            {"apiVersion": "velero.io/v1", "kind": "Restore",
             "metadata": {"name": "r1", "creationTimestamp": "2026-11-21T00:00:00Z"},
             "spec": {"backupName": "b1", "namespaceMapping": {"shop": "copy"}},
             "status": {"phase": "Completed", "warnings": 1, "progress": {"totalItems": 9, "itemsRestored": 9},
                        "startTimestamp": "2026-11-21T00:00:01Z", "completionTimestamp": "2026-11-21T00:01:31Z"}},
            {"apiVersion": "velero.io/v1", "kind": "Restore",
             "metadata": {"name": "r2", "creationTimestamp": "2026-11-21T00:04:00Z"}, "spec": {"scheduleName": "nightly"}},
        ]))
        .unwrap();
        let now = "2026-11-21T00:05:00Z".parse().unwrap();
        restores.sort_by(newest_first);
        insta::assert_snapshot!(table(&restores, now).render(true), @r"
        NAME   BACKUP    STATUS      ERRORS   WARNINGS   NAMESPACES   MAPPINGS    SELECTOR   ITEMS    DURATION   AGE
        r2     nightly   New         0        0          *            <none>      <none>     <none>   <none>     60s
        r1     b1        Completed   0        1          *            shop:copy   <none>     9/9      90s        5m
        ");
    }
}
