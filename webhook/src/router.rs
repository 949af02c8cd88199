//! HTTP around the answers: what may be sent, how much of it, and by when.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode, Uri,
        header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::SignedDuration;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{
    admit::{self, Admission, Answer, Request},
    health::Health,
    metrics,
};

/// A review holds an object twice; this is what Kubernetes' own webhook library takes.
const MAX_BODY: usize = 7 * 1024 * 1024;
/// A body's first bytes, which need no share of those below: the limit of connections is theirs. Nearly every review
/// has fewer, so that a few large bodies do not keep the many small ones out.
const FIRST_BYTES: usize = 64 * 1024;
/// What bodies may hold at once beyond their first bytes.
const MAX_BODIES: usize = 16 * 1024 * 1024;
/// Time for a body to arrive. Whoever sends it shall not choose how long its bytes are held.
const BODY_TIME: Duration = Duration::from_secs(2);
/// Memory for parsed reviews: a quarter of the memory limit in the manifests. An update with thirty thousand managed
/// fields on both sides takes less than half of it.
const MAX_PARSED: usize = 128 * 1024 * 1024;
/// Time for a request whose caller names none, and the most that a caller may ask for.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
const MAX_DEADLINE: Duration = Duration::from_secs(30);
/// Our answer must still reach the caller before it gives up.
const WAY_BACK: Duration = Duration::from_millis(300);

struct Shared {
    admission: Admission,
    health: Arc<Health>,
    bytes: Semaphore,
    memory: Semaphore,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Mutate,
    Validate,
}

impl Phase {
    /// How often the object is in memory at once: a patch is found by comparing it with a filled copy.
    fn copies(self) -> usize {
        match self {
            Self::Mutate => 2,
            Self::Validate => 1,
        }
    }
}

/// The routes that the API server calls.
pub fn router(admission: Admission, health: Arc<Health>) -> Router {
    let shared =
        Arc::new(Shared { admission, health, bytes: Semaphore::new(MAX_BODIES), memory: Semaphore::new(MAX_PARSED) });
    let route = |phase| {
        post(move |State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Body| async move {
            let mut response =
                handle(&shared, phase, &uri, &headers, body).await.unwrap_or_else(Refusal::into_response);
            // Callers must find another replica before this one is gone.
            if shared.health.is_draining() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        })
    };
    Router::new().route("/mutate", route(Phase::Mutate)).route("/validate", route(Phase::Validate)).with_state(shared)
}

async fn handle(
    shared: &Shared,
    phase: Phase,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let deadline = deadline(uri.query());
    if !is_json(headers) {
        return Err(Refusal::ContentType);
    }
    let started = Instant::now();
    let answered = timeout(deadline, async {
        let (body, _share) = timeout(BODY_TIME, read(body, &shared.bytes)).await.map_err(|_| Refusal::Slow)??;
        let weight = phase.copies() * admit::weigh(&body);
        let weight = u32::try_from(weight).ok().filter(|_| weight <= MAX_PARSED).ok_or(Refusal::TooComplex)?;
        let _memory = shared.memory.acquire_many(weight).await.map_err(|_| Refusal::Busy)?;
        answer(shared, phase, &body, started).await
    });
    let (uid, answer) = answered.await.map_err(|_| Refusal::Late)??;
    let review = answer.into_review(&uid).map_err(|_| Refusal::Unprintable)?;
    Ok(axum::Json(review).into_response())
}

/// Reads a body. Its share is taken as it arrives: a length that is only announced keeps nobody else out.
async fn read(body: Body, bytes: &Semaphore) -> Result<(Vec<u8>, SemaphorePermit<'_>), Refusal> {
    let mut body = Limited::new(body, MAX_BODY);
    let mut text = Vec::new();
    let take = |count: usize| bytes.try_acquire_many(u32::try_from(count).unwrap_or(u32::MAX));
    let mut share = take(0).map_err(|_| Refusal::Busy)?;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| if error.is::<LengthLimitError>() { Refusal::TooLarge } else { Refusal::Broken })?;
        let Ok(data) = frame.into_data() else { continue };
        text.extend_from_slice(&data);
        let beyond = text.len().saturating_sub(FIRST_BYTES);
        share.merge(take(beyond - share.num_permits()).map_err(|_| Refusal::Busy)?);
    }
    Ok((text, share))
}

async fn answer(shared: &Shared, phase: Phase, body: &[u8], started: Instant) -> Result<(String, Answer), Refusal> {
    let request = match admit::read(body) {
        Ok(request) => request,
        Err(malformed) => {
            tracing::warn!(error = %malformed, "malformed review");
            let answer = Answer::malformed(&malformed);
            return malformed.uid.map(|uid| (uid, answer)).ok_or(Refusal::NoReview);
        }
    };
    let answer = match phase {
        Phase::Mutate => admit::mutate(&shared.admission, &request).await,
        Phase::Validate => admit::validate(&shared.admission, &request).await,
    };
    note(shared, phase, &request, &answer, started.elapsed());
    Ok((request.uid, answer))
}

fn note(shared: &Shared, phase: Phase, request: &Request, answer: &Answer, took: Duration) {
    let phase = match phase {
        Phase::Mutate => "mutate",
        Phase::Validate => "validate",
    };
    // Kinds that no rule knows are one, so that nobody outside can make the metrics grow.
    let kind = request.subject_kind().map_or("other", |_| request.kind.kind.as_str());
    let operation = request.operation.name();
    let verdict = answer.verdict;
    let labels = metrics::Request { phase, kind: kind.to_owned(), operation, verdict };
    shared.admission.metrics.answered(&labels, took);
    tracing::info!(
        phase,
        uid = request.uid,
        operation,
        kind = request.kind.kind,
        resource = request.resource_name(),
        namespace = request.namespace,
        name = request.name,
        user = request.user_info.username,
        dry_run = request.dry_run.unwrap_or(false),
        verdict,
        findings = answer.codes.join(","),
        not_evaluated = answer.not_evaluated.join(","),
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
}

/// The time left, as the API server says it in `?timeout=`.
fn deadline(query: Option<&str>) -> Duration {
    let named = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("timeout="));
    let asked = named.and_then(|text| text.parse::<SignedDuration>().ok()?.try_into().ok());
    let asked: Duration = asked.unwrap_or(DEFAULT_DEADLINE).min(MAX_DEADLINE);
    asked.saturating_sub(WAY_BACK)
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// A request that gets no review in answer; the webhook configuration's failure policy then decides.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("too many requests at once; try again")]
    Busy,
    #[error("the content type must be application/json")]
    ContentType,
    #[error("a review may have at most {MAX_BODY} bytes")]
    TooLarge,
    #[error("the review has too many parts")]
    TooComplex,
    #[error("the body did not arrive")]
    Broken,
    #[error("the body did not arrive in {} s", BODY_TIME.as_secs())]
    Slow,
    #[error("the body is no AdmissionReview")]
    NoReview,
    #[error("no answer in the time that was given")]
    Late,
    #[error("the answer could not be written")]
    Unprintable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge | Self::TooComplex => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken | Self::NoReview => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
            Self::Unprintable => StatusCode::INTERNAL_SERVER_ERROR,
        };
        tracing::warn!(error = %self, status = status.as_u16(), "no review");
        let mut response = (status, format!("{self}\n")).into_response();
        if matches!(self, Self::Busy) {
            // An API server repeats its call when it is told when.
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests;
