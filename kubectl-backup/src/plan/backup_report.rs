//! `describe`: what is known in the cluster about a backup, in words.

use backup_api::velero::{Backup, BackupSpec, BackupStatus, DeleteBackupRequest, outcome};
use jiff::Timestamp;
use kube::ResourceExt as _;
use serde_json::json;

use crate::{
    output::{Report, age},
    plan::{
        backup_lock::{self, Origin},
        backup_row::{expires, namespaces},
        no_volume_data,
        restore_row::duration,
        run::Kind,
        saved_volume::{self, DataUpload, PodVolumeBackup},
        selector_words,
    },
};

/// What was read. `None` where it could not be read.
pub struct Facts {
    /// The backup.
    pub backup: Backup,
    /// Its volumes that were copied file by file.
    pub pod_volumes: Option<Vec<PodVolumeBackup>>,
    /// Its snapshots whose data were moved.
    pub uploads: Option<Vec<DataUpload>>,
    /// Requests to delete it.
    pub deletions: Option<Vec<DeleteBackupRequest>>,
    /// Its schedule, when it has a lock that may be of it.
    pub origin: Option<Origin>,
}

/// Returns the report.
pub fn render(facts: &Facts, now: Timestamp) -> String {
    let backup = &facts.backup;
    let status = backup.status.clone().unwrap_or_default();
    let mut lines = Report::default();
    lines.field("Name", &backup.name_any());
    lines.field("Namespace", &backup.namespace().unwrap_or_default());
    let labels: Vec<String> = backup.labels().iter().map(|(key, value)| format!("{key}={value}")).collect();
    lines.field("Labels", &labels.join("\n"));
    status_lines(&mut lines, &status, &backup.name_any(), &backup.namespace().unwrap_or_default());
    spec_lines(&mut lines, &backup.spec);
    time_lines(&mut lines, backup, &status, now);
    lines.field("Locked", &backup_lock::told(&json!(backup), facts.origin.as_ref(), now));
    volume_lines(&mut lines, facts, &status);
    deletion_lines(&mut lines, facts);
    lines.finish()
}

fn status_lines(lines: &mut Report, status: &BackupStatus, name: &str, namespace: &str) {
    let phase = status.phase.as_deref().filter(|phase| !phase.is_empty()).unwrap_or("New");
    lines.field("Status", phase);
    if let Some(position) = status.queue_position.filter(|&position| position > 0) {
        lines.field("Queue", &format!("number {position} in line"));
    }
    let reasons: Vec<String> =
        status.validation_errors.iter().flatten().chain(&status.failure_reason).cloned().collect();
    if !reasons.is_empty() {
        lines.field("Reason", &reasons.join("\n"));
    }
    let (errors, warnings) = (status.errors.unwrap_or_default(), status.warnings.unwrap_or_default());
    lines.field("Errors", &errors.to_string());
    lines.field("Warnings", &warnings.to_string());
    if errors + warnings > 0 {
        let texts = Kind::Backup.texts(name, namespace);
        lines.field("Messages", &format!("kept in the storage location, not in the cluster; see: {texts}"));
    }
    if let Some(progress) = status.progress {
        lines.field("Items", &format!("{} of {}", progress.items_backed_up, progress.total_items));
    }
}

fn spec_lines(lines: &mut Report, spec: &BackupSpec) {
    lines.field("Namespaces", &namespaces(spec.included_namespaces.as_deref(), spec.excluded_namespaces.as_deref()));
    let selector = selector_words::words(spec.label_selector.as_ref(), spec.or_label_selectors.as_deref());
    lines.field("Selector", &selector);
    let list = |names: &Option<Vec<String>>| names.clone().unwrap_or_default().join(",");
    for (key, names) in [
        ("Kinds", &spec.included_resources),
        ("Kinds left out", &spec.excluded_resources),
        ("Cluster kinds", &spec.included_cluster_scoped_resources),
        ("Cluster left out", &spec.excluded_cluster_scoped_resources),
        ("Namespaced kinds", &spec.included_namespace_scoped_resources),
        ("Namesp. left out", &spec.excluded_namespace_scoped_resources),
    ] {
        if names.as_ref().is_some_and(|names| !names.is_empty()) {
            lines.field(key, &list(names));
        }
    }
    lines.field("Volumes", &volumes(spec));
    lines.field("Location", spec.storage_location.as_deref().unwrap_or_default());
}

/// Velero's three switches in words.
fn volumes(spec: &BackupSpec) -> String {
    if spec.resource_policy.as_ref().is_some_and(|policy| policy.name == no_volume_data::NAME) {
        return "none".to_owned();
    }
    let snapshots = match (spec.snapshot_volumes, spec.snapshot_move_data) {
        (Some(false), _) => "no snapshots",
        (_, Some(true)) => "snapshots, their data copied to the location",
        (Some(true), _) => "snapshots, their data left in the storage system",
        (None, _) => "snapshots if the server takes them",
    };
    let files = match spec.default_volumes_to_fs_backup {
        Some(true) => "pod volumes copied file by file unless annotated otherwise",
        _ => "annotated pod volumes copied file by file",
    };
    let policy = spec.resource_policy.as_ref().map(|policy| format!("; first of all the rules in {}", policy.name));
    format!("{snapshots}; {files}{}", policy.unwrap_or_default())
}

fn time_lines(lines: &mut Report, backup: &Backup, status: &BackupStatus, now: Timestamp) {
    let created = backup.metadata.creation_timestamp.as_ref().map(|time| time.0);
    lines.field("Created", &created.map_or_else(String::new, |at| format!("{at} ({} ago)", age::since(Some(at), now))));
    lines.field("Started", status.start_timestamp.as_deref().unwrap_or_default());
    let took = duration(status.start_timestamp.as_deref(), status.completion_timestamp.as_deref());
    let completed = status.completion_timestamp.as_deref().unwrap_or_default();
    lines.field("Ended", &if took.is_empty() { completed.to_owned() } else { format!("{completed} (took {took})") });
    lines.field("Retention", backup.spec.ttl.as_deref().unwrap_or_default());
    let at = status.expiration.as_deref().and_then(|text| text.parse().ok());
    let left = expires(at, now);
    lines.field("Expires", &status.expiration.as_ref().map_or_else(String::new, |at| format!("{at} ({left})")));
}

fn volume_lines(lines: &mut Report, facts: &Facts, status: &BackupStatus) {
    let pair =
        |done: Option<i64>, all: Option<i64>| format!("{} of {}", done.unwrap_or_default(), all.unwrap_or_default());
    if status.csi_volume_snapshots_attempted.unwrap_or_default() > 0 {
        lines.field(
            "CSI snapshots",
            &pair(status.csi_volume_snapshots_completed, status.csi_volume_snapshots_attempted),
        );
    }
    if status.backup_item_operations_attempted.unwrap_or_default() > 0 {
        let failed = status.backup_item_operations_failed.unwrap_or_default();
        let done = pair(status.backup_item_operations_completed, status.backup_item_operations_attempted);
        lines.field("Volume work", &format!("{done}, {failed} failed"));
    }
    let pod_volumes = facts.pod_volumes.as_deref().unwrap_or_default();
    let uploads = facts.uploads.as_deref().unwrap_or_default();
    let table = saved_volume::table(pod_volumes, uploads);
    if !table.is_empty() {
        lines.block("Volume data", &table.render(false));
    } else if facts.pod_volumes.is_none() || facts.uploads.is_none() {
        lines.field("Volume data", "<unknown> (not readable with your rights)");
    } else if outcome(status.phase.as_deref()).is_some() {
        lines.field("Volume data", "none was copied to the storage location");
    } else {
        lines.field("Volume data", "none yet");
    }
}

fn deletion_lines(lines: &mut Report, facts: &Facts) {
    for request in facts.deletions.iter().flatten() {
        let status = request.status.clone().unwrap_or_default();
        let errors = status.errors.unwrap_or_default();
        let phase = status.phase.filter(|phase| !phase.is_empty()).unwrap_or_else(|| "New".into());
        let outcome = if phase == "Processed" && !errors.is_empty() { "failed".to_owned() } else { phase };
        lines.block(&format!("Deletion request {} ({outcome})", request.name_any()), &errors.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_backup_is_told_from_top_to_bottom() {
        let backup: Backup = serde_json::from_value(json!({
            "apiVersion": "velero.io/v1", "kind": "Backup",
            "metadata": {"name": "b1", "namespace": "velero", "labels": {"team": "shop", "why": "upgrade"},
                         "annotations": {"kubectl-backup.dev/locked-until": "2026-12-01T00:05:00Z"},
                         "creationTimestamp": "2026-11-21T00:00:00Z"},
            "spec": {"includedNamespaces": ["shop"], "snapshotVolumes": false, "ttl": "720h0m0s", "storageLocation": "s3",
                     "excludedResources": ["secrets"]},
            "status": {"phase": "PartiallyFailed", "errors": 1, "progress": {"totalItems": 12, "itemsBackedUp": 12},
                       "startTimestamp": "2026-11-21T00:00:01Z", "completionTimestamp": "2026-11-21T00:01:31Z",
                       "expiration": "2026-12-21T00:00:01Z"}
        }))
        .unwrap();
        let volume = json!({"spec": {"pod": {"namespace": "shop", "name": "web-0"}, "volume": "data", "node": "n1"},
                            "status": {"phase": "Failed", "message": "no space"}});
        let deletion = json!({"apiVersion": "velero.io/v1", "kind": "DeleteBackupRequest", "metadata": {"name": "b1-x"},
            "spec": {"backupName": "b1"}, "status": {"phase": "Processed", "errors": ["location is read-only"]}});
        let facts = Facts {
            backup,
            pod_volumes: Some(vec![serde_json::from_value(volume).unwrap()]),
            uploads: Some(vec![]),
            deletions: Some(vec![serde_json::from_value(deletion).unwrap()]),
            origin: None,
        };
        insta::assert_snapshot!(render(&facts, "2026-11-21T00:05:00Z".parse().unwrap()), @r"
        Name:             b1
        Namespace:        velero
        Labels:           team=shop
                          why=upgrade
        Status:           PartiallyFailed
        Errors:           1
        Warnings:         0
        Messages:         kept in the storage location, not in the cluster; see: velero backup describe b1 --details -n velero
        Items:            12 of 12
        Namespaces:       shop
        Selector:         <none>
        Kinds left out:   secrets
        Volumes:          no snapshots; annotated pod volumes copied file by file
        Location:         s3
        Created:          2026-11-21T00:00:00Z (5m ago)
        Started:          2026-11-21T00:00:01Z
        Ended:            2026-11-21T00:01:31Z (took 90s)
        Retention:        720h0m0s
        Expires:          2026-12-21T00:00:01Z (29d)
        Locked:           until 2026-12-01T00:05:00Z (10d), by its annotation kubectl-backup.dev/locked-until=2026-12-01T00:05:00Z
        Volume data:
          METHOD         VOLUME            STATUS   BYTES    NODE   MESSAGE
          file by file   shop/web-0:data   Failed   <none>   n1     no space
        Deletion request b1-x (failed):
          location is read-only
        ");
    }

    #[test]
    fn what_could_not_be_read_is_not_called_absent() {
        let backup = Backup::new("b1", BackupSpec::default());
        let facts = Facts { backup, pod_volumes: None, uploads: Some(vec![]), deletions: None, origin: None };
        assert!(render(&facts, Timestamp::UNIX_EPOCH).contains("<unknown> (not readable with your rights)"));
    }
}
