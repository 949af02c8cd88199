//! HTTP around the answers: what may be sent, how much of it, and by when.

use std::{
    num::NonZero,
    sync::Arc,
    thread,
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
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    admit::{self, Admission, Answer, Asker, Request},
    health::Health,
    ledger::{Handed, OVERDUE, Overdue, PEERS_PATH},
    metrics,
    paths::Paths,
    server::KnownCaller,
};

/// A review holds an object twice; this is what Kubernetes' own webhook library takes.
const MAX_BODY: usize = 7 * 1024 * 1024;
/// Largest claim that another replica hands over, in bytes: five names.
const MAX_CLAIM: usize = 16 * 1024;
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
/// Reviews that weigh more are answered on a thread of their own: parsing and judging them takes long enough to hold up
/// all others. The rest, which is nearly all, is answered at once, which is quicker than to hand it over.
const LARGE: usize = 256 * 1024;
/// Memory for parsed reviews that are not large: they wait behind each other only.
const MAX_SMALL: usize = 32 * 1024 * 1024;
/// How long a large review waits for such a thread. Behind that its caller is told to come back, and not left waiting.
const THREAD_TIME: Duration = Duration::from_secs(1);
/// Time for a request whose caller names none, and the most that a caller may ask for.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
const MAX_DEADLINE: Duration = Duration::from_secs(30);
/// Our answer must still reach the caller before it gives up.
const WAY_BACK: Duration = Duration::from_millis(300);

struct Shared {
    admission: Admission,
    health: Arc<Health>,
    bytes: Arc<Semaphore>,
    small: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    paths: Arc<Paths>,
}

/// What a review is answered with, and what it takes until then.
struct Question {
    entry: Entry,
    body: Vec<u8>,
    started: Instant,
    by: tokio::time::Instant,
    _share: OwnedSemaphorePermit,
}

/// Which entry of the webhook configurations the API server asks for, told by the path.
#[derive(Debug, Clone, Copy)]
struct Entry {
    phase: Phase,
    /// Whether it is one for Velero's account alone.
    asker: Asker,
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

impl Question {
    /// How much memory it takes, once parsed.
    fn weight(&self) -> usize {
        self.entry.phase.copies() * admit::weigh(&self.body)
    }

    /// The same, unless the question is a large one: which is not weighed here, for that takes its time too.
    fn small(&self) -> Option<u32> {
        if self.body.len() > LARGE {
            return None;
        }
        u32::try_from(self.weight()).ok().filter(|weight| usize::try_from(*weight).is_ok_and(|weight| weight <= LARGE))
    }
}

/// The routes that the API server calls.
pub fn router(admission: Admission, health: Arc<Health>, paths: Arc<Paths>) -> Router {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let [bytes, small, memory, threads] =
        [MAX_BODIES, MAX_SMALL, MAX_PARSED, threads].map(|count| Arc::new(Semaphore::new(count)));
    let shared = Arc::new(Shared { admission, health, bytes, small, memory, threads, paths });
    let route = |base: &'static str, phase, asker| {
        let entry = Entry { phase, asker };
        post(move |State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Body| async move {
            let load = shared.admission.metrics.load();
            let refuse = |refusal: Refusal| {
                load.refused(refusal.reason());
                refusal.into_response()
            };
            if !shared.paths.admits(uri.path().strip_prefix(base).and_then(|behind| behind.strip_prefix('/'))) {
                return refuse(Refusal::Path);
            }
            let _review = load.review();
            let answered = handle(&shared, entry, &uri, &headers, body).await;
            let mut response = answered.unwrap_or_else(refuse);
            response.extensions_mut().insert(KnownCaller);
            // Callers must find another replica before this one is gone.
            if shared.health.is_draining() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        })
    };
    let bases = [
        ("/mutate", Phase::Mutate, Asker::Anybody),
        ("/validate", Phase::Validate, Asker::Anybody),
        ("/exempt/mutate", Phase::Mutate, Asker::Velero),
        ("/exempt/validate", Phase::Validate, Asker::Velero),
        ("/warned/validate", Phase::Validate, Asker::Historian),
    ];
    let claims = post(|State(shared): State<Arc<Shared>>, uri: Uri, body: Body| async move {
        let by = uri.path().strip_prefix(PEERS_PATH).and_then(|behind| behind.strip_prefix('/'));
        let refuse = |refusal: Refusal| {
            shared.admission.metrics.load().refused(refusal.reason());
            refusal.into_response()
        };
        if by.is_none() || !shared.paths.admits(by) {
            return refuse(Refusal::Path);
        }
        let mut response = decide(&shared, body).await.unwrap_or_else(refuse);
        response.extensions_mut().insert(KnownCaller);
        response
    });
    bases
        .into_iter()
        .fold(Router::new().route(&format!("{PEERS_PATH}/{{secret}}"), claims), |router, (base, phase, asker)| {
            let route = route(base, phase, asker);
            router.route(base, route.clone()).route(&format!("{base}/{{secret}}"), route)
        })
        .with_state(shared)
}

async fn handle(
    shared: &Arc<Shared>,
    entry: Entry,
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
        let (body, share) =
            timeout(BODY_TIME, read(body, MAX_BODY, &shared.bytes)).await.map_err(|_| Refusal::Slow)??;
        let question = Question { entry, body, started, by: (started + deadline).into(), _share: share };
        match question.small() {
            Some(weight) => {
                let _memory = shared.small.acquire_many(weight).await.map_err(|_| Refusal::Busy)?;
                answer(shared, &question).await
            }
            None => answer_apart(shared, question, deadline).await,
        }
    });
    let (uid, answer) = answered.await.map_err(|_| Refusal::Late)??;
    let review = answer.into_review(&uid).map_err(|_| Refusal::Unprintable)?;
    Ok(axum::Json(review).into_response())
}

/// Decides a claim that another replica hands over.
async fn decide(shared: &Shared, body: Body) -> Result<Response, Refusal> {
    let body = read(body, MAX_CLAIM, &shared.bytes);
    let (body, _share) = timeout(BODY_TIME, body).await.map_err(|_| Refusal::Slow)??;
    let handed: Handed = serde_json::from_slice(&body).map_err(|_| Refusal::NoReview)?;
    Ok(match shared.admission.quotas.decide_handed(&handed).await {
        Ok(decision) => axum::Json(decision).into_response(),
        Err(Overdue) => OVERDUE.into_response(),
    })
}

/// Answers on a thread that may be kept busy. What the review takes is held until the thread is done with it, also when
/// nobody waits for the answer any more.
async fn answer_apart(
    shared: &Arc<Shared>,
    question: Question,
    deadline: Duration,
) -> Result<(String, Answer), Refusal> {
    let waiting = timeout(THREAD_TIME, Arc::clone(&shared.threads).acquire_owned());
    let thread = waiting.await.map_err(|_| Refusal::Busy)?.map_err(|_| Refusal::Busy)?;
    let (shared, runtime) = (Arc::clone(shared), Handle::current());
    let answering = tokio::task::spawn_blocking(move || {
        let _thread = (thread, shared.admission.metrics.load().large_review());
        let weight = question.weight();
        let permits = u32::try_from(weight).ok().filter(|_| weight <= MAX_PARSED).ok_or(Refusal::TooComplex)?;
        runtime.block_on(async {
            let answering = async {
                let _memory = shared.memory.acquire_many(permits).await.map_err(|_| Refusal::Busy)?;
                answer(&shared, &question).await
            };
            timeout(deadline, answering).await.map_err(|_| Refusal::Late)?
        })
    });
    answering.await.map_err(|_| Refusal::Unanswered)?
}

/// Reads a body. Its share is taken as it arrives: a length that is only announced keeps nobody else out.
async fn read(body: Body, limit: usize, bytes: &Arc<Semaphore>) -> Result<(Vec<u8>, OwnedSemaphorePermit), Refusal> {
    let mut body = Limited::new(body, limit);
    let mut text = Vec::new();
    let take = |count: usize| Arc::clone(bytes).try_acquire_many_owned(u32::try_from(count).unwrap_or(u32::MAX));
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

async fn answer(shared: &Shared, question: &Question) -> Result<(String, Answer), Refusal> {
    let Question { entry: Entry { phase, asker }, ref body, started, by, .. } = *question;
    let request = match admit::read(body) {
        Ok(request) => {
            let believed = asker.if_named(&request.user_info.username);
            if believed != asker {
                tracing::warn!(
                    user = request.user_info.username,
                    "asked by an entry for Velero about somebody else: something took the match conditions out of the webhook \
                     configurations; apply the manifests again"
                );
            }
            Request { asker: believed, ..request }
        }
        Err(malformed) => {
            // What is wrong may quote the object; where it is does not.
            tracing::warn!(at = %malformed.place(), "malformed review");
            let answer = Answer::malformed(&malformed);
            return malformed.uid.map(|uid| (uid, answer)).ok_or(Refusal::NoReview);
        }
    };
    let answer = match phase {
        Phase::Mutate => admit::mutate(&shared.admission, &request).await,
        Phase::Validate => admit::validate(&shared.admission, &request, by).await,
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
pub fn deadline(query: Option<&str>) -> Duration {
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
    #[error("not found")]
    Path,
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
    #[error("the review could not be answered")]
    Unanswered,
    #[error("the answer could not be written")]
    Unprintable,
}

impl Refusal {
    /// The reason in one word, for the metrics.
    fn reason(&self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Busy => "busy",
            Self::ContentType => "content_type",
            Self::TooLarge => "too_large",
            Self::TooComplex => "too_complex",
            Self::Broken => "broken",
            Self::Slow => "slow",
            Self::NoReview => "no_review",
            Self::Late => "late",
            Self::Unanswered | Self::Unprintable => "internal",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            // Whoever asks so is no API server: a line for each would be theirs to fill the log with.
            Self::Path => return (StatusCode::NOT_FOUND, format!("{self}\n")).into_response(),
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge | Self::TooComplex => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken | Self::NoReview => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
            Self::Unanswered | Self::Unprintable => StatusCode::INTERNAL_SERVER_ERROR,
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
