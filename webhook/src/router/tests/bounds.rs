//! How much may come at once, how large, and how slowly.

use super::*;

/// A body of which only a part ever arrives.
fn unfinished(part: usize) -> Body {
    let part = futures::stream::iter([Ok::<_, std::convert::Infallible>(vec![b' '; part])]);
    Body::from_stream(part.chain(futures::stream::pending()))
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

/// A log. Whoever writes a line about `large`, and that is the thread which has just judged it, waits at a gate.
#[derive(Clone)]
struct Gate {
    arrived: tokio::sync::mpsc::UnboundedSender<()>,
    /// Opens when the other half goes away.
    closed: Arc<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>,
}

impl std::io::Write for Gate {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if String::from_utf8_lossy(line).contains("\"large\"") {
            // Nobody waits for it any more, or the gate is open.
            let _ = self.arrived.send(());
            let _ = self.closed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Large reviews are computed elsewhere: what is small is answered while they are, and who finds no thread is sent away.
#[test]
fn large_reviews_hold_up_no_small_ones() {
    const WORKERS: usize = 2;
    /// Only what hangs takes longer.
    const PATIENCE: Duration = Duration::from_secs(60);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let (open, closed) = std::sync::mpsc::channel();
    let gate = Gate { arrived, closed: Arc::new(std::sync::Mutex::new(closed)) };
    let log = tracing::Dispatch::new(tracing_subscriber::fmt().json().with_writer(move || gate.clone()).finish());
    let of_each = log.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&of_each)))
        .build()
        .expect("a runtime");
    let parts = vec![json!({"a": 1}); 2_000];
    let pod = json!({"kind": "Pod", "metadata": {"name": "large"}, "spec": {"parts": parts}});
    let mut large = review(PODS, "CREATE", "ann", &pod, &Value::Null);
    large["request"]["name"] = "large".into();
    let large = large.to_string();
    runtime.block_on(async {
        let (router, _) = server();
        assert!(answers_a_small_one(&router).await);
        // An event that another test's thread met first is remembered as one that nobody wants.
        tracing::dispatcher::with_default(&log, tracing::callsite::rebuild_interest_cache);
        let mut pressing = tokio::task::JoinSet::new();
        for _ in 0..threads + WORKERS {
            let answer = router.clone().oneshot(question(Body::from(large.clone())));
            pressing.spawn(async { answer.await.expect("an answer").status() });
        }
        for _ in 0..threads {
            timeout(PATIENCE, arrivals.recv()).await.expect("a large one is judged");
        }
        for _ in 0..20 {
            let router = router.clone();
            let small = tokio::spawn(async move { answers_a_small_one(&router).await });
            assert!(timeout(PATIENCE, small).await.expect("a worker is free").expect("it ends"));
        }
        for _ in 0..WORKERS {
            let beyond = timeout(PATIENCE, pressing.join_next()).await.expect("it does not wait for the others");
            assert_eq!(beyond.expect("it is asked").expect("it ends"), StatusCode::SERVICE_UNAVAILABLE);
        }
        drop(open);
        while let Some(judged) = pressing.join_next().await {
            assert_eq!(judged.expect("it ends"), StatusCode::OK);
        }
    });
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

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up_in_the_callers_time() {
    let endless = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::convert::Infallible>>());
    let started = tokio::time::Instant::now();
    let (status, _, _) = post("/validate?timeout=2s", "application/json", endless).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(started.elapsed(), Duration::from_millis(1700));
}
