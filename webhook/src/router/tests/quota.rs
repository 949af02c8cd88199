//! What is counted, and for whom.

use super::*;

#[tokio::test]
async fn what_cannot_be_counted_is_refused_and_may_be_tried_again() {
    let answer = reviewed("/validate", &review(SNAPSHOTS, "CREATE", "ann", &snapshot(&json!({})), &Value::Null)).await;
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["status"]["code"], 429);
    assert_eq!(answer["status"]["details"]["retryAfterSeconds"], 1);
    let message = answer["status"]["message"].as_str().unwrap_or_default();
    insta::assert_snapshot!(message, @"cluster quota volumesnapshots: the quota could not be checked in time; try again");
}

#[tokio::test]
async fn the_audit_log_is_told_what_a_quota_decided_and_what_was_not_judged() {
    let audited = async |path: &str, user: &str, object: &Value, kind| {
        reviewed(path, &review(kind, "CREATE", user, object, &Value::Null)).await["auditAnnotations"].clone()
    };
    assert_eq!(audited("/validate", "ann", &snapshot(&json!({})), SNAPSHOTS).await["decision"], "later");
    // Of accounts that the quota does not bind too: those who take a slot, and those whose snapshots take none.
    assert_eq!(audited("/validate", "ci", &snapshot(&json!({})), SNAPSHOTS).await["decision"], "allowed");
    let marked = snapshot(&json!({"kubectl-backup.dev/quota-exempt": "true"}));
    assert_eq!(audited("/exempt/validate", VELERO, &marked, SNAPSHOTS).await["decision"], "allowed");
    let mut pod = pod("data");
    pod["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}]);
    let pod = audited("/validate", "ann", &pod, PODS).await;
    assert_eq!(pod["decision"], Value::Null, "nothing counts pods");
    assert!(pod["not-evaluated"].as_str().is_some_and(|codes| codes.starts_with("BKP")), "{pod}");
}

#[tokio::test]
async fn what_has_no_uid_is_not_counted_as_nothing() {
    let mut object = snapshot(&json!({}));
    object["metadata"]["uid"] = Value::Null;
    let answer = reviewed("/validate", &review(SNAPSHOTS, "CREATE", "ann", &object, &Value::Null)).await;
    assert_eq!((&answer["allowed"], &answer["status"]["code"]), (&json!(false), &json!(400)));
}

#[tokio::test]
async fn a_probe_is_answered_by_whoever_is_asked() {
    let mut object = snapshot(&json!({}));
    object["metadata"]["name"] = json!("backup-webhook-probe-1");
    let mut review = review(SNAPSHOTS, "CREATE", "ann", &object, &Value::Null);
    review["request"]["dryRun"] = json!(true);
    let answer = reviewed("/validate", &review).await;
    assert_eq!(answer["allowed"], true);
    assert_eq!(answer["warnings"], json!(["the backup webhook was asked about backup-webhook-probe-1"]));
}

#[tokio::test]
async fn velero_is_marked_and_never_refused() {
    let object = snapshot(&json!({}));
    let answer = reviewed("/exempt/validate", &review(SNAPSHOTS, "CREATE", VELERO, &object, &Value::Null)).await;
    assert_eq!(answer["allowed"], true);
    let answer = reviewed("/exempt/mutate", &review(SNAPSHOTS, "CREATE", VELERO, &object, &Value::Null)).await;
    let patch: Vec<u8> = serde_json::from_value(answer["patch"].clone()).expect("bytes");
    assert!(String::from_utf8_lossy(&patch).contains("kubectl-backup.dev~1quota-exempt"), "{answer}");
}

#[tokio::test]
async fn a_restored_snapshot_takes_a_slot_which_velero_need_not_wait_for() {
    let mut object = snapshot(&json!({"velero.io/restore-name": "r", "kubectl-backup.dev/quota-exempt": "true"}));
    object["spec"]["source"] = json!({"volumeSnapshotContentName": "content"});
    let answer = reviewed("/exempt/mutate", &review(SNAPSHOTS, "CREATE", VELERO, &object, &Value::Null)).await;
    let patch: Vec<u8> = serde_json::from_value(answer["patch"].clone()).expect("bytes");
    insta::assert_snapshot!(String::from_utf8_lossy(&patch), @r#"[{"op":"remove","path":"/metadata/labels/kubectl-backup.dev~1quota-exempt"}]"#);
    object["metadata"]["labels"] = json!({"velero.io/restore-name": "r"});
    // Also while the quota cannot be asked.
    let answer = reviewed("/exempt/validate", &review(SNAPSHOTS, "CREATE", VELERO, &object, &Value::Null)).await;
    assert_eq!(answer["allowed"], true, "{answer}");
}

#[tokio::test]
async fn nobody_else_takes_the_mark() {
    let object = snapshot(&json!({"kubectl-backup.dev/quota-exempt": "true"}));
    let answer = reviewed("/validate", &review(SNAPSHOTS, "CREATE", "ann", &object, &Value::Null)).await;
    assert_eq!((&answer["allowed"], &answer["status"]["code"]), (&json!(false), &json!(422)));
    let answer = reviewed("/validate", &review(SNAPSHOTS, "UPDATE", "ann", &object, &snapshot(&json!({})))).await;
    assert_eq!(answer["allowed"], false);
    let answer = reviewed("/validate", &review(SNAPSHOTS, "UPDATE", "ann", &object, &object)).await;
    assert_eq!(answer["allowed"], true);
}

#[tokio::test]
async fn an_entry_whose_match_conditions_are_gone_exempts_nobody() {
    let object = snapshot(&json!({}));
    for user in ["ann", "system:serviceaccount:velero:default"] {
        let answer = reviewed("/exempt/mutate", &review(SNAPSHOTS, "CREATE", user, &object, &Value::Null)).await;
        let patch: Option<Vec<u8>> = serde_json::from_value(answer["patch"].clone()).expect("bytes");
        assert!(!String::from_utf8_lossy(&patch.unwrap_or_default()).contains("quota-exempt"), "{answer}");
        let answer = reviewed("/exempt/validate", &review(SNAPSHOTS, "CREATE", user, &object, &Value::Null)).await;
        let plain = reviewed("/validate", &review(SNAPSHOTS, "CREATE", user, &object, &Value::Null)).await;
        assert_eq!(answer["allowed"], plain["allowed"], "{user}");
    }
}

/// What another replica sends is decided here, for whoever knows the path; never handed on again.
#[tokio::test]
async fn another_replica_has_its_claims_decided_here() {
    let secret = PathSecret::generate().expect("chance");
    let paths = Paths::secret();
    paths.replace(vec![secret.clone()]);
    let handed = json!({
        "resource": "volumesnapshots.snapshot.storage.k8s.io", "namespace": "shop", "name": "a", "uid": "u", "user": "ann",
        "limit": 10,
    });
    let send = async |paths: &Arc<Paths>, path: String, body: String| {
        let request = HttpRequest::post(path).body(Body::from(body)).expect("a request");
        let response = server_at(Arc::clone(paths)).0.oneshot(request).await.expect("an answer");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status.as_u16(), String::from_utf8_lossy(&body).into_owned())
    };
    let known = format!("/claim/{}", secret.reveal());
    let answer = send(&paths, known.clone(), handed.to_string()).await;
    assert_eq!(answer, (200, "null".to_owned()), "this one cannot decide either: the other may still");
    let huge = json!({"resource": "x".repeat(20_000), "namespace": "shop", "name": "a", "uid": "u", "user": "ann", "limit": 10});
    assert_eq!(send(&paths, known.clone(), huge.to_string()).await.0, 413);
    let other = json!({"resource": "pods", "namespace": "shop", "name": "a", "uid": "u", "user": "ann", "limit": 10});
    assert_eq!(send(&paths, known.clone(), other.to_string()).await, (200, "null".to_owned()), "nothing counts them");
    assert_eq!(send(&paths, known, "{}".to_owned()).await.0, 400);
    assert_eq!(send(&paths, format!("/claim/{}", "a".repeat(64)), handed.to_string()).await.0, 404);
    assert_eq!(send(&paths, "/claim".to_owned(), handed.to_string()).await.0, 404);
    assert_eq!(send(&Arc::new(Paths::Plain), "/claim/x".to_owned(), handed.to_string()).await.0, 404);
}
