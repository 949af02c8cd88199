//! One log line per call, also for the call whose caller went away.

use std::future::Future;
use std::time::Instant;

use tonic::{Code, Response, Status};

use crate::error::Error;

/// Written when dropped, so that a call whose future is dropped by a cancellation leaves its line too.
struct Line<'a> {
    method: &'static str,
    id: &'a str,
    started: Instant,
    status: Status,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let (method, id, ms) = (self.method, self.id, self.started.elapsed().as_millis());
        match self.status.code() {
            Code::Ok => tracing::info!(method, id, ms, result = "Ok"),
            code => tracing::warn!(method, id, ms, result = ?code, "{}", self.status.message()),
        }
    }
}

/// Runs a call and logs its method, id, result and milliseconds.
pub(crate) async fn logged<T>(
    method: &'static str,
    id: &str,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<Response<T>, Status> {
    let mut line = Line { method, id, started: Instant::now(), status: Status::cancelled("the caller went away") };
    let result = call.await.map_err(|error| Status::from(&error));
    line.status = result.as_ref().err().cloned().unwrap_or_else(|| Status::ok(""));
    result.map(Response::new)
}

/// Runs work on files off the async threads. The work goes on when the caller goes away.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(ended) => {
            Err(Error::Io { action: "the work on files ended early".to_owned(), source: std::io::Error::other(ended) })
        }
    }
}
