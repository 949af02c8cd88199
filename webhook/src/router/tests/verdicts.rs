//! What is said of objects.

use super::*;

#[tokio::test]
async fn a_wrong_annotation_is_invalid_with_every_cause() {
    let answer = reviewed("/validate", &review(PODS, "CREATE", "ann", &pod("data, lgos"), &Value::Null)).await;
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["status"]["code"], 422);
    assert_eq!(answer["status"]["reason"], "Invalid");
    assert_eq!(answer["status"]["details"]["kind"], "Pod");
    let causes = answer["status"]["details"]["causes"].as_array().expect("causes");
    assert_eq!(causes.len(), 2);
    assert_eq!(causes[0]["field"], "metadata.annotations[backup.velero.io/backup-volumes]");
    assert!(
        causes[1]["message"].as_str().is_some_and(|message| message.contains("did you mean \"logs\"?")),
        "{answer}"
    );
    assert_eq!(answer["auditAnnotations"]["findings"], "BKP101,BKP104");
}

#[tokio::test]
async fn a_right_annotation_an_unchanged_one_and_a_deletion_pass() {
    for (operation, new, old) in [
        ("CREATE", pod("data,logs"), Value::Null),
        ("UPDATE", pod("nope"), pod("nope")),
        ("DELETE", Value::Null, pod("nope")),
    ] {
        let answer = reviewed("/validate", &review(PODS, operation, "ann", &new, &old)).await;
        assert_eq!(answer["allowed"], true, "{operation}");
    }
}

#[tokio::test]
async fn a_kind_that_no_rule_knows_passes() {
    let object = json!({"metadata": {"name": "x"}});
    for path in ["/validate", "/mutate"] {
        let answer = reviewed(path, &review(("", "nodes", "Node"), "CREATE", "ann", &object, &Value::Null)).await;
        assert_eq!(answer["allowed"], true);
    }
}

#[tokio::test]
async fn a_backup_gets_its_ttl_as_a_json_patch() {
    let backup = json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "x"}, "spec": {}});
    let resource = ("velero.io", "backups", "Backup");
    let answer = reviewed("/mutate", &review(resource, "CREATE", "ann", &backup, &Value::Null)).await;
    assert_eq!((&answer["allowed"], &answer["patchType"]), (&json!(true), &json!("JSONPatch")));
    let patch: Vec<u8> = serde_json::from_value(answer["patch"].clone()).expect("bytes");
    assert_eq!(
        serde_json::from_slice::<Value>(&patch).expect("a patch"),
        json!([{"op": "add", "path": "/spec/ttl", "value": "720h0m0s"}])
    );
    let velero = reviewed("/exempt/mutate", &review(resource, "CREATE", VELERO, &backup, &Value::Null)).await;
    assert!(velero.get("patch").is_none() && velero.get("patchType").is_none(), "{velero}");
}

#[tokio::test]
async fn history_that_an_administrator_brings_back_is_told_of_and_not_refused() {
    let backup = json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "x"},
        "spec": {}, "status": {"phase": "Completed"}});
    let question = review(("velero.io", "backups", "Backup"), "CREATE", "root", &backup, &Value::Null);
    assert_eq!(reviewed("/validate", &question).await["auditAnnotations"]["findings"], "BKP321");
    assert_eq!(reviewed("/validate", &question).await["allowed"], false);
    let answer = reviewed("/warned/validate", &question).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    assert!(answer["warnings"][0].as_str().is_some_and(|warning| warning.starts_with("BKP321")), "{answer}");
    // That is no exemption from quotas, nor from locks.
    let snapshot = review(SNAPSHOTS, "CREATE", "root", &snapshot(&json!({})), &Value::Null);
    assert_eq!(reviewed("/warned/validate", &snapshot).await["allowed"], false);
}
