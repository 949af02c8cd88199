use axum::http::Request as HttpRequest;
use backup_policy::{
    Config,
    config::{Accounts, Quota},
};
use futures::StreamExt;
use kube::Client;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::{
    clock::Clock,
    facts::Cluster,
    ledger::{Probes, Quotas, TTL, Times},
    metrics::Metrics,
    policy::Current,
};

/// The real server, with a cluster behind it that nobody answers for: what pods need no cluster for works all the same.
fn server() -> (Router, Arc<Health>) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut nowhere = kube::Config::new("http://127.0.0.1:1".parse().expect("an address"));
    nowhere.default_retry = false;
    let client = Client::try_from(nowhere.clone()).expect("a client");
    let health = Arc::new(Health::default());
    let metrics = Arc::new(Metrics::new());
    let probes = Probes::new(nowhere, client.clone(), "kubectl-backup-system");
    let quotas =
        Quotas::new(client.clone(), probes, Times::new(TTL, Clock::default()), metrics.ledgers(), Arc::clone(&health));
    quotas.set(&Config::default().quotas);
    let admission = Admission {
        config: Current::new(Config {
            backup_ttl: Some("720h0m0s".to_owned()),
            exemptions: accounts("keeper"),
            quotas: quotas_but_for("ci"),
            ..Config::default()
        }),
        cluster: Cluster::new(client.clone()),
        clock: Clock::default(),
        quotas: Arc::new(quotas),
        metrics,
    };
    (router(admission, Arc::clone(&health)), health)
}

fn accounts(user: &str) -> Accounts {
    Accounts { users: [user.to_owned()].into(), ..Accounts::default() }
}

/// The built-in quotas, which do not bind this user.
fn quotas_but_for(user: &str) -> Vec<Quota> {
    let quotas = Config::default().quotas.into_iter();
    quotas.map(|quota| Quota { exempt: accounts(user), ..quota }).collect()
}

async fn post(path: &str, content_type: &str, body: impl Into<Body>) -> (StatusCode, HeaderMap, Value) {
    let request = HttpRequest::post(path).header(CONTENT_TYPE, content_type).body(body.into()).expect("a request");
    let response = server().0.oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn reviewed(path: &str, review: &Value) -> Value {
    let (status, _, answer) = post(path, "application/json", review.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["kind"], "AdmissionReview");
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
    answer["response"].clone()
}

fn review(resource: (&str, &str, &str), operation: &str, user: &str, object: &Value, old: &Value) -> Value {
    let (group, plural, kind) = resource;
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": group, "version": "v1", "kind": kind},
            "resource": {"group": group, "version": "v1", "resource": plural},
            "name": "x", "namespace": "shop", "operation": operation,
            "userInfo": {"username": user, "groups": ["system:authenticated"]},
            "object": object, "oldObject": old, "dryRun": false, "options": null,
        },
    })
}

const PODS: (&str, &str, &str) = ("", "pods", "Pod");
const SNAPSHOTS: (&str, &str, &str) = ("snapshot.storage.k8s.io", "volumesnapshots", "VolumeSnapshot");
const VELERO: &str = "system:serviceaccount:velero:velero";

fn pod(volumes: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "x", "annotations": {"backup.velero.io/backup-volumes": volumes}},
        "spec": {"containers": [], "volumes": [{"name": "data", "nfs": {}}, {"name": "logs", "nfs": {}}]},
    })
}

fn snapshot(labels: &Value) -> Value {
    json!({
        "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": "x", "namespace": "shop", "uid": "u", "labels": labels},
        "spec": {"volumeSnapshotClassName": "c", "source": {"persistentVolumeClaimName": "data"}},
    })
}

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
async fn what_cannot_be_counted_is_refused_and_may_be_tried_again() {
    let answer = reviewed("/validate", &review(SNAPSHOTS, "CREATE", "ann", &snapshot(&json!({})), &Value::Null)).await;
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["status"]["code"], 429);
    assert_eq!(answer["status"]["details"]["retryAfterSeconds"], 1);
    let message = answer["status"]["message"].as_str().unwrap_or_default();
    insta::assert_snapshot!(message, @"cluster quota volumesnapshots: the quota could not be checked in time; try again");
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
async fn a_malformed_review_is_refused_with_its_uid() {
    let answer = reviewed("/validate", &json!({"request": {"uid": "u-1", "operation": "EXPLODE"}})).await;
    assert_eq!((&answer["allowed"], &answer["status"]["code"]), (&json!(false), &json!(400)));
    for body in ["", "{", "[]", "{\"request\": {}}", "{\"request\": {\"uid\": 7}}"] {
        let (status, _, _) = post("/validate", "application/json", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
    let (status, _, _) = post("/validate", "application/json", "[".repeat(500_000)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn six_mebibytes_pass_and_eight_do_not() {
    let padded = |mebibytes: usize| {
        let mut pod = pod("data");
        pod["metadata"]["annotations"]["padding"] = json!("x".repeat(mebibytes * 1024 * 1024));
        review(PODS, "CREATE", "ann", &pod, &Value::Null)
    };
    assert_eq!(reviewed("/validate", &padded(6)).await["allowed"], true);
    let (status, _, _) = post("/validate", "application/json", padded(8).to_string()).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    // A body that does not say its length beforehand is cut off all the same.
    let chunks = futures::stream::iter((0..8).map(|_| Ok::<_, std::convert::Infallible>(vec![b' '; 1024 * 1024])));
    let (status, _, _) = post("/validate", "application/json", Body::from_stream(chunks)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_would_burst_once_parsed_is_not_parsed() {
    for part in ["{\"\":0},", "0,", "[],"] {
        let bomb = format!("[{}0]", part.repeat(6 * 1024 * 1024 / part.len()));
        let (status, _, _) = post("/validate", "application/json", bomb).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{part}");
    }
    // Managed fields have as many parts as anything that people write, and pass.
    let mut pod = pod("data");
    let fields: serde_json::Map<_, _> = (0..30_000).map(|n| (format!("f:{n:09}"), json!({}))).collect();
    pod["metadata"]["managedFields"] = json!([{"fieldsV1": fields}]);
    let answer = reviewed("/validate", &review(PODS, "UPDATE", "ann", &pod, &pod)).await;
    assert_eq!(answer["allowed"], true);
}

/// Filling in the defaults holds the object twice, so that only half as much passes.
#[tokio::test]
async fn a_patch_weighs_as_much_as_two_objects() {
    let backup = |parts: usize| {
        let parts = vec![json!({"a": 1}); parts];
        let object = json!({"kind": "Backup", "metadata": {"name": "x"}, "spec": {"ttl": "1h0m0s", "parts": parts}});
        review(("velero.io", "backups", "Backup"), "CREATE", "ann", &object, &Value::Null).to_string()
    };
    for (parts, mutated, validated) in [
        (50_000, StatusCode::OK, StatusCode::OK),
        (100_000, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::OK),
        (290_000, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        assert_eq!(post("/mutate", "application/json", backup(parts)).await.0, mutated, "{parts}");
        assert_eq!(post("/validate", "application/json", backup(parts)).await.0, validated, "{parts}");
    }
}

#[tokio::test]
async fn only_json_is_read() {
    for (content_type, expected) in [
        ("text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/json; charset=utf-8", StatusCode::OK),
    ] {
        let review = review(PODS, "CREATE", "ann", &pod("data"), &Value::Null);
        let (status, _, _) = post("/validate", content_type, review.to_string()).await;
        assert_eq!(status, expected, "{content_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up_in_the_callers_time() {
    let endless = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::convert::Infallible>>());
    let started = tokio::time::Instant::now();
    let (status, _, _) = post("/validate?timeout=2s", "application/json", endless).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(started.elapsed(), Duration::from_millis(1700));
}

#[tokio::test]
async fn a_server_that_stops_sends_its_callers_away() {
    let (router, health) = server();
    health.set_draining();
    let body = review(PODS, "CREATE", "ann", &pod("data"), &Value::Null).to_string();
    let request = HttpRequest::post("/validate").header(CONTENT_TYPE, "application/json").body(Body::from(body));
    let response = router.oneshot(request.expect("a request")).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers().get(CONNECTION), Some(&HeaderValue::from_static("close")));
}

#[test]
fn the_callers_time_is_read_and_bounded() {
    assert_eq!(deadline(Some("timeout=5s")), Duration::from_millis(4700));
    assert_eq!(deadline(Some("a=b&timeout=100ms")), Duration::ZERO);
    assert_eq!(deadline(Some("timeout=1h")), Duration::from_millis(29_700));
    for none in [None, Some(""), Some("timeout=soon"), Some("timeout=-5s")] {
        assert_eq!(deadline(none), Duration::from_millis(9_700), "{none:?}");
    }
}

/// A body of which only a part ever arrives.
fn unfinished(part: usize) -> Body {
    let part = futures::stream::iter([Ok::<_, std::convert::Infallible>(vec![b' '; part])]);
    Body::from_stream(part.chain(futures::stream::pending()))
}

fn question(body: Body) -> HttpRequest<Body> {
    HttpRequest::post("/validate?timeout=30s").header(CONTENT_TYPE, "application/json").body(body).expect("a request")
}

async fn answers_a_small_one(router: &Router) -> bool {
    let body = review(PODS, "CREATE", "ann", &pod("data"), &Value::Null).to_string();
    let answer = router.clone().oneshot(question(Body::from(body))).await.expect("an answer");
    answer.status() == StatusCode::OK
}

#[tokio::test]
async fn bodies_that_are_only_announced_keep_nobody_out() {
    let (router, _) = server();
    let mut open: Vec<_> = (0..8)
        .map(|_| {
            let mut request = question(unfinished(1));
            request.headers_mut().insert("content-length", HeaderValue::from(MAX_BODY));
            Box::pin(router.clone().oneshot(request))
        })
        .collect();
    for request in &mut open {
        assert!(futures::poll!(request).is_pending());
    }
    let large = review(PODS, "CREATE", "ann", &pod(&" ".repeat(MAX_BODY / 2)), &Value::Null).to_string();
    let answer = router.clone().oneshot(question(Body::from(large))).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answers_a_small_one(&router).await);
}

#[tokio::test]
async fn more_bytes_at_once_than_fit_are_sent_away_for_a_moment_and_small_ones_are_not() {
    let (router, _) = server();
    let ask = || Box::pin(router.clone().oneshot(question(unfinished(MAX_BODY))));
    let mut open = [ask(), ask()];
    for request in &mut open {
        assert!(futures::poll!(request).is_pending());
    }
    let answer = ask().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers().get(RETRY_AFTER), Some(&HeaderValue::from_static("1")));
    assert!(answers_a_small_one(&router).await);
    drop(open);
    assert!(futures::poll!(&mut ask()).is_pending(), "what was held is free again");
}

#[tokio::test(start_paused = true)]
async fn a_body_has_two_seconds_whatever_time_its_sender_asks_for() {
    let (router, _) = server();
    let asked = tokio::time::Instant::now();
    let answer = router.oneshot(question(unfinished(1))).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    assert!(asked.elapsed() < Duration::from_millis(2100), "{:?}", asked.elapsed());
}

/// Large reviews are computed elsewhere: what is small is answered while they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_reviews_hold_up_no_small_ones() {
    let (router, _) = server();
    let parts = vec![json!({"a": 1}); 100_000];
    let large = json!({"kind": "Pod", "metadata": {"name": "x"}, "spec": {"parts": parts}});
    let large = review(PODS, "CREATE", "ann", &large, &Value::Null).to_string();
    let until = Instant::now() + Duration::from_secs(1);
    let pressing = (0..8).map(|_| {
        let (router, large) = (router.clone(), large.clone());
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            while Instant::now() < until {
                let answer = router.clone().oneshot(question(Body::from(large.clone()))).await.expect("an answer");
                statuses.push(answer.status());
            }
            statuses
        })
    });
    let pressing: Vec<_> = pressing.collect();
    let mut times = Vec::new();
    while Instant::now() < until {
        let asked = Instant::now();
        assert!(answers_a_small_one(&router).await);
        times.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut statuses = Vec::new();
    for task in pressing {
        statuses.extend(task.await.expect("it ends"));
    }
    times.sort_unstable();
    let [median, most] = [50, 99].map(|percent| times[(times.len() - 1) * percent / 100]);
    eprintln!("{} small beside {} large: median {median:?}, 99 % {most:?}", times.len(), statuses.len());
    assert!(statuses.contains(&StatusCode::OK));
    assert!(
        statuses.iter().all(|status| [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(status)),
        "{statuses:?}"
    );
    // On the workers themselves, each of two would be held for as long as a large one takes, some 200 ms.
    assert!(most < Duration::from_millis(100), "{most:?}");
}

/// What is logged may be read by many; what is in an object need not be.
#[test]
fn logs_hold_nothing_of_the_objects() {
    #[derive(Clone, Default)]
    struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let secret = "s3cr3t";
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let mut pod = pod(&format!("{secret}, data"));
    pod["metadata"]["labels"] = json!({secret: secret});
    pod["metadata"]["annotations"][secret] = json!(secret);
    pod["spec"]["volumes"][0] = json!({"name": secret, "configMap": {"name": secret}});
    pod["spec"]["containers"] = json!([{"name": "c", "env": [{"name": "PASSWORD", "value": secret}]}]);
    let mut backup =
        json!({"kind": "Backup", "metadata": {"name": "x", "labels": {secret: secret}}, "spec": {"ttl": secret}});
    backup["spec"]["storageLocation"] = json!(secret);
    let marked = json!({"kubectl-backup.dev/quota-exempt": secret});
    let mut bodies = vec![
        review(PODS, "CREATE", "ann", &pod, &Value::Null).to_string(),
        review(PODS, "UPDATE", "ann", &pod, &backup).to_string(),
        review(("velero.io", "backups", "Backup"), "CREATE", "ann", &backup, &Value::Null).to_string(),
        review(SNAPSHOTS, "CREATE", "ann", &snapshot(&marked), &Value::Null).to_string(),
        json!({"request": {"uid": "u", "operation": secret}}).to_string(),
        json!({"request": {"uid": "u", "kind": secret}}).to_string(),
        json!({"request": secret}).to_string(),
        format!("{{\"request\": {secret}}}"),
        secret.to_owned(),
    ];
    bodies.extend(bodies.clone().into_iter().map(|body| body[..body.len() / 2].to_owned()));
    let ask_all = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (router, _) = server();
            for path in ["/validate", "/mutate"] {
                for body in &bodies {
                    let mut asked = question(Body::from(body.clone()));
                    *asked.uri_mut() = path.parse().expect("a path");
                    router.clone().oneshot(asked).await.expect("an answer");
                }
            }
        });
    };
    tracing::subscriber::with_default(subscriber, || {
        // An event that another test's thread meets first is remembered as one that nobody wants: meet all of
        // them, have that forgotten, then look.
        ask_all();
        tracing::callsite::rebuild_interest_cache();
        lines.0.lock().expect("a lock").clear();
        ask_all();
    });
    let logged = String::from_utf8(lines.0.lock().expect("a lock").clone()).expect("text");
    assert!(logged.matches("\"answered\"").count() >= 8 && logged.contains("malformed review"), "{logged}");
    let leak: Vec<_> = logged.lines().filter(|line| line.contains(secret)).collect();
    assert!(leak.is_empty(), "{leak:#?}");
}

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
