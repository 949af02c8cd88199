//! Shows the server's `Warning:` headers, as kubectl does. kube drops them.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header::WARNING};
use kube::client::Body;
use tower::{Layer, Service};

type Warn = Arc<dyn Fn(&str) + Send + Sync>;

/// Calls a function with each warning.
#[derive(Clone)]
pub struct WarningLayer {
    warn: Warn,
}

impl WarningLayer {
    /// `warn` gets the text alone, without code and agent.
    pub fn new(warn: Warn) -> Self {
        Self { warn }
    }
}

impl<S> Layer<S> for WarningLayer {
    type Service = Warnings<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Warnings { inner, warn: self.warn.clone() }
    }
}

/// The service that [`WarningLayer`] makes.
#[derive(Clone)]
pub struct Warnings<S> {
    inner: S,
    warn: Warn,
}

impl<S, B> Service<Request<Body>> for Warnings<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let warn = self.warn.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            for text in warnings(response.headers()) {
                warn(&text);
            }
            Ok(response)
        })
    }
}

/// Returns the texts of `299 - "text"` headers.
fn warnings(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers.get_all(WARNING).iter().filter_map(|value| text_of(std::str::from_utf8(value.as_bytes()).ok()?))
}

fn text_of(header: &str) -> Option<String> {
    let rest = header.strip_prefix("299 ")?;
    let quoted = &rest[rest.find('"')? + 1..];
    let mut text = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            '"' => return Some(text),
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_between_the_quotes_is_taken() {
        assert_eq!(text_of(r#"299 - "unknown field \"spec.x\"""#), Some(r#"unknown field "spec.x""#.to_owned()));
        assert_eq!(text_of(r#"299 kube "old" "Sat, 25 Aug 2012""#), Some("old".to_owned()));
    }

    #[test]
    fn what_is_no_warning_is_passed_over() {
        assert_eq!(text_of(r#"199 - "other code""#), None);
        assert_eq!(text_of(r#"299 - "unterminated"#), None);
        assert_eq!(text_of("299 -"), None);
    }
}
