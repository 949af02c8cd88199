//! What is no review.

use super::*;

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

#[test]
fn the_callers_time_is_read_and_bounded() {
    assert_eq!(deadline(Some("timeout=5s")), Duration::from_millis(4700));
    assert_eq!(deadline(Some("a=b&timeout=100ms")), Duration::ZERO);
    assert_eq!(deadline(Some("timeout=1h")), Duration::from_millis(29_700));
    for none in [None, Some(""), Some("timeout=soon"), Some("timeout=-5s")] {
        assert_eq!(deadline(none), Duration::from_millis(9_700), "{none:?}");
    }
}
