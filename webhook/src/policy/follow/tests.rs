use std::{
    convert::Infallible,
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
};

use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;

fn policy(generation: i64, limit: u32) -> Value {
    json!({
        "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy",
        "metadata": {"name": "default", "uid": "u", "generation": generation, "resourceVersion": generation.to_string()},
        "spec": {"quotas": [{"resource": "schedules.velero.io", "limit": limit}]},
    })
}

/// A cluster whose watch falls silent after the first list, and which then answers reads as this says; one more reads than
/// that get no answer at all.
fn silent(reads: Vec<Option<Value>>) -> Client {
    let count = Arc::new(AtomicUsize::new(0));
    let answer = tower::service_fn(move |request: Request<Body>| {
        let read = request.uri().path().ends_with("/default");
        let watches = request.uri().query().unwrap_or_default().contains("watch=");
        let nth = if read { count.fetch_add(1, Ordering::SeqCst) } else { 0 };
        let found = reads.get(nth).cloned().flatten();
        async move {
            let body = match (read, watches) {
                (true, _) => match found {
                    Some(found) => found,
                    None => pending().await,
                },
                (false, true) => pending().await,
                (false, false) => json!({"metadata": {"resourceVersion": "1"}, "items": [policy(1, 3)]}),
            };
            let code = body.get("code").and_then(Value::as_u64).unwrap_or(200);
            let response = Response::builder().status(u16::try_from(code).unwrap_or(500));
            Ok::<_, Infallible>(response.body(Body::from(body.to_string().into_bytes())).expect("a response"))
        }
    });
    Client::new(answer, "system")
}

/// The limits that are put in force, one after the other.
fn followed(client: Client, grace: Duration) -> mpsc::UnboundedReceiver<Option<u32>> {
    let (told, limits) = mpsc::unbounded_channel();
    let base = Config::default();
    let series = Series::new(&mut prometheus_client::registry::Registry::default());
    let follower =
        Follower::new(client, base.clone(), Current::new(base), series, Arc::default(), Clock::default(), grace);
    let on_change = move |config: &Config| told.send(config.quota("schedules.velero.io")).expect("somebody listens");
    tokio::spawn(follower.run(on_change, Vec::new));
    limits
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_and_a_read_without_an_answer_do_not_keep_an_old_policy_in_force() {
    let begun = Instant::now();
    let mut limits = followed(silent(vec![None, Some(policy(2, 7))]), Duration::from_secs(60));
    for limit in [3, 7] {
        let told = timeout(Duration::from_secs(60), limits.recv()).await.expect("it does not hang");
        assert_eq!(told, Some(Some(limit)));
    }
    let took = begun.elapsed();
    assert!(took <= LOOK + INSPECTION + 3 * SPREAD, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_goes_while_the_watch_is_silent_is_kept_for_its_grace() {
    let gone = json!({"kind": "Status", "status": "Failure", "code": 404, "message": ""});
    let begun = Instant::now();
    let grace = Duration::from_secs(60);
    let mut limits =
        followed(silent(vec![Some(policy(2, 7)); 1].into_iter().chain(vec![Some(gone); 100]).collect()), grace);
    for limit in [3, 7] {
        assert_eq!(limits.recv().await, Some(Some(limit)));
    }
    let told = timeout(grace * 2, limits.recv()).await.expect("it is missed");
    assert_eq!(told, Some(Config::default().quota("schedules.velero.io")));
    assert!(begun.elapsed() > grace);
}

#[test]
fn only_an_earlier_state_of_the_same_object_is_older() {
    let version = |uid: &str, generation| Version { uid: Some(uid.to_owned()), generation: Some(generation) };
    assert!(version("a", 1).is_before(&version("a", 2)));
    assert!(!version("a", 2).is_before(&version("a", 2)) && !version("b", 1).is_before(&version("a", 2)));
}
