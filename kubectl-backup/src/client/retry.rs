//! Retries reads that the server put off (429, 503, 504). Writes are never repeated here: a create that was answered
//! with an error may have been done all the same.

use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header::RETRY_AFTER};
use kube::client::Body;
use tokio::time::Sleep;
use tower::{BoxError, retry::Policy};

/// Tries after the first.
const RETRIES: u32 = 3;
/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause, whatever the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The policy for one request.
#[derive(Clone, Copy, Debug, Default)]
pub struct RetryReads {
    done: u32,
}

impl<B> Policy<Request<Body>, Response<B>, BoxError> for RetryReads {
    type Future = Sleep;

    fn retry(&mut self, request: &mut Request<Body>, result: &mut Result<Response<B>, BoxError>) -> Option<Sleep> {
        let response = result.as_ref().ok()?;
        let put_off = matches!(
            response.status(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        );
        if request.method() != Method::GET || !put_off || self.done == RETRIES {
            return None;
        }
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let pause = asked.map_or(FIRST_PAUSE * 2_u32.pow(self.done), Duration::from_secs).min(LONGEST_PAUSE);
        self.done += 1;
        Some(tokio::time::sleep(pause))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        // A command in a container begins as a GET too.
        if request.method() != Method::GET || request.headers().contains_key(http::header::UPGRADE) {
            return None;
        }
        let mut clone = Request::new(Body::empty());
        *clone.method_mut() = request.method().clone();
        *clone.uri_mut() = request.uri().clone();
        *clone.headers_mut() = request.headers().clone();
        *clone.extensions_mut() = request.extensions().clone();
        Some(clone)
    }
}
