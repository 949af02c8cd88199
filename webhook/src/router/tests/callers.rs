//! Who is answered, and who is sent away.

use super::*;

#[tokio::test]
async fn a_review_by_a_path_that_was_not_told_is_not_found() {
    let (paths, secret) = (Paths::secret(), PathSecret::generate().expect("chance"));
    let (router, _) = server_at(Arc::clone(&paths));
    let ask = async |path: &str| {
        let review = review(PODS, "CREATE", "ann", &pod("data"), &Value::Null).to_string();
        let request = HttpRequest::post(path).header(CONTENT_TYPE, "application/json").body(Body::from(review));
        let answer = router.clone().oneshot(request.expect("a request")).await.expect("an answer");
        (answer.status(), answer.extensions().get::<KnownCaller>().is_some())
    };
    let (right, wrong) = (format!("/validate/{}", secret.reveal()), format!("/validate/{}", "0".repeat(64)));
    assert_eq!(ask(&right).await, (StatusCode::NOT_FOUND, false), "nothing is told yet");
    paths.replace(vec![secret]);
    for path in ["/validate", "/mutate", "/validate/", &wrong, &format!("{right}/")] {
        assert_eq!(ask(path).await, (StatusCode::NOT_FOUND, false), "{path}");
    }
    assert_eq!(ask(&format!("{right}?timeout=5s")).await, (StatusCode::OK, true));
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
