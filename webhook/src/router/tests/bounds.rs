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
