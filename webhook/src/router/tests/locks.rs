//! Deletion locks.

use super::*;

const BACKUPS: (&str, &str, &str) = ("velero.io", "backups", "Backup");
const DELETE_REQUESTS: (&str, &str, &str) = ("velero.io", "deletebackuprequests", "DeleteBackupRequest");

fn locked_backup(until: &str) -> Value {
    json!({
        "apiVersion": "velero.io/v1", "kind": "Backup",
        "metadata": {"name": "x", "namespace": "velero", "annotations": {"kubectl-backup.dev/locked-until": until}},
        "spec": {"ttl": "17520h"},
    })
}

#[tokio::test]
async fn a_locked_backup_is_deleted_by_nobody_but_velero() {
    let delete = |user: &str, path: &'static str, until: &str| {
        let review = review(BACKUPS, "DELETE", user, &Value::Null, &locked_backup(until));
        async move { reviewed(path, &review).await }
    };
    let answer = delete("jane", "/validate", "2999-01-01T00:00:00Z").await;
    assert_eq!((&answer["allowed"], &answer["status"]["code"]), (&json!(false), &json!(422)));
    assert_eq!(answer["auditAnnotations"]["findings"], "BKP352");
    assert_eq!(delete("jane", "/validate", "2001-01-01T00:00:00Z").await["allowed"], true);
    assert_eq!(delete(VELERO, "/exempt/validate", "2999-01-01T00:00:00Z").await["allowed"], true);
    assert_eq!(delete(VELERO, "/validate", "2999-01-01T00:00:00Z").await["allowed"], false, "a name is none");
}

#[tokio::test]
async fn whom_one_quota_does_not_bind_the_locks_and_rules_do() {
    let schedules = ("velero.io", "schedules", "Schedule");
    let wrong = json!({
        "apiVersion": "velero.io/v1", "kind": "Schedule", "metadata": {"name": "x", "namespace": "velero", "uid": "u"},
        "spec": {"schedule": "0 25 * * *", "template": {}},
    });
    let answer = reviewed("/validate", &review(schedules, "CREATE", "ci", &wrong, &Value::Null)).await;
    assert_eq!((&answer["allowed"], &answer["auditAnnotations"]["findings"]), (&json!(false), &json!("BKP301")));
    // The mark is theirs on what they make, and not on what is there.
    let marked = snapshot(&json!({"kubectl-backup.dev/quota-exempt": "true"}));
    let answer = reviewed("/validate", &review(SNAPSHOTS, "CREATE", "ci", &marked, &Value::Null)).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    let answer = reviewed("/validate", &review(SNAPSHOTS, "UPDATE", "ci", &marked, &snapshot(&json!({})))).await;
    assert_eq!(answer["auditAnnotations"]["findings"], "BKP401");
}

#[tokio::test]
async fn while_the_backup_cannot_be_read_its_deletion_waits() {
    let request = json!({
        "apiVersion": "velero.io/v1", "kind": "DeleteBackupRequest", "metadata": {"name": "x", "namespace": "velero"},
        "spec": {"backupName": "x"},
    });
    let answer = reviewed("/validate", &review(DELETE_REQUESTS, "CREATE", "jane", &request, &Value::Null)).await;
    assert_eq!((&answer["allowed"], &answer["status"]["code"]), (&json!(false), &json!(429)));
    // A restore writes such requests with Velero's account.
    let answer = reviewed("/exempt/validate", &review(DELETE_REQUESTS, "CREATE", VELERO, &request, &Value::Null)).await;
    assert_eq!((&answer["allowed"], &answer["status"]["code"]), (&json!(false), &json!(429)));
    let answer = reviewed("/validate", &review(DELETE_REQUESTS, "CREATE", "keeper", &request, &Value::Null)).await;
    assert_eq!(answer["allowed"], true);
}

#[tokio::test]
async fn a_backup_without_a_time_to_live_is_kept_as_long_as_it_is_locked() {
    let mut backup = locked_backup("2999-01-01T00:00:00Z");
    backup["spec"] = json!({});
    let answer = reviewed("/mutate", &review(BACKUPS, "CREATE", "jane", &backup, &Value::Null)).await;
    assert_eq!(answer["patchType"], "JSONPatch");
}

#[tokio::test]
async fn a_location_that_a_restore_points_elsewhere_is_judged_too() {
    let location = |prefix: &str| {
        json!({
            "apiVersion": "velero.io/v1", "kind": "BackupStorageLocation", "metadata": {"name": "x", "namespace": "velero"},
            "spec": {"provider": "aws", "objectStorage": {"bucket": "b", "prefix": prefix}},
        })
    };
    let locations = ("velero.io", "backupstoragelocations", "BackupStorageLocation");
    let moved = review(locations, "UPDATE", VELERO, &location("q"), &location("p"));
    for path in ["/validate", "/exempt/validate"] {
        let answer = reviewed(path, &moved).await;
        // Whether a backup there is locked cannot be read here.
        assert_eq!((&answer["allowed"], &answer["status"]["code"]), (&json!(false), &json!(429)), "{path}");
    }
}
