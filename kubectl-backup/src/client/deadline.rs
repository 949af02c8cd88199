//! A limit on how long one request may take. kube has none by default: a server that accepts and then says nothing
//! would hang us for ever. Watches are left alone: silence is their nature.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use kube::client::Body;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{BoxError, Layer, Service};

/// A request took longer than `--request-timeout`.
#[derive(Clone, Debug)]
pub struct DeadlineExceeded {
    limit: Duration,
    server: String,
}

impl fmt::Display for DeadlineExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no complete answer from the server {} within {:?}", self.server, self.limit)
    }
}

impl std::error::Error for DeadlineExceeded {}

/// Adds the limit to a client.
#[derive(Clone)]
pub struct DeadlineLayer {
    limit: Option<DeadlineExceeded>,
}

impl DeadlineLayer {
    /// A limit of zero is none.
    pub fn new(limit: Duration, server: &str) -> Self {
        Self { limit: (!limit.is_zero()).then(|| DeadlineExceeded { limit, server: server.to_owned() }) }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { inner, limit: self.limit.clone() }
    }
}

/// The body of an answer, with the limit on it.
pub type LimitedBody = UnsyncBoxBody<bytes::Bytes, BoxError>;

/// The service that [`DeadlineLayer`] makes.
#[derive(Clone)]
pub struct Deadline<S> {
    inner: S,
    limit: Option<DeadlineExceeded>,
}

impl<S, B> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<LimitedBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let watch = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"));
        let limit = self.limit.clone().filter(|_| !watch);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Some(exceeded) = limit else {
                let response = answer.await.map_err(Into::into)?;
                return Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()));
            };
            let deadline = Instant::now() + exceeded.limit;
            let response = match tokio::time::timeout_at(deadline, answer).await {
                Ok(answer) => answer.map_err(Into::into)?,
                Err(_) => return Err(exceeded.into()),
            };
            Ok(response.map(|body| {
                let body = body.map_err(Into::into).boxed_unsync();
                DeadlineBody { body, sleep: Box::pin(sleep_until(deadline)), exceeded }.boxed_unsync()
            }))
        })
    }
}

/// A body whose every chunk must come within the limit of the chunk before it: a long list that flows is no timeout.
struct DeadlineBody {
    body: LimitedBody,
    sleep: Pin<Box<Sleep>>,
    exceeded: DeadlineExceeded,
}

impl http_body::Body for DeadlineBody {
    type Data = bytes::Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let next = Instant::now() + self.exceeded.limit;
                self.sleep.as_mut().reset(next);
                Poll::Ready(frame)
            }
            Poll::Pending => match self.sleep.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Some(Err(self.exceeded.clone().into()))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
