//! The validating phase: judge the object as it will be stored, then claim a slot for it.

use backup_api::labels::QUOTA_EXEMPT;
use backup_ledger::{Key, Object, Standing, Uid};
use backup_policy::{Config, Facts, Kind, Subject, config::resource::VOLUME_SNAPSHOTS, evaluate, rules::LOCKS_HOLD};
use tokio::time::Instant;

use super::{Admission, Answer, Request, review::Operation, subject};
use crate::ledger::{Ask, Decision, probe_seen};

/// Judges an object, and claims a slot for a new one whose resource is limited.
pub async fn validate(admission: &Admission, request: &Request, deadline: Instant) -> Answer {
    if let Some(seen) = probe_seen(request) {
        return Answer::saying(&seen);
    }
    let config = admission.config.load();
    let judged = matches!(request.operation, Operation::Create | Operation::Update | Operation::Delete);
    let mut answer = match subject(request).filter(|_| judged) {
        Some(subject) => judge(admission, &config, request, &subject).await,
        None => Answer::allowed(),
    };
    if answer.refusal.is_none() && request.subject_kind() == Some(Kind::BackupPolicy) {
        answer.warn(admission.quotas.doubts(limited(request)));
    }
    let creates = request.operation == Operation::Create && request.is_whole();
    if answer.refusal.is_some() || !creates {
        return answer;
    }
    claim(admission, request, answer, request.is_exempt_from_quota(&config), deadline).await
}

/// The resources that a policy limits.
fn limited(request: &Request) -> impl Iterator<Item = &str> {
    let quotas = request.object.as_ref().and_then(|policy| policy.pointer("/spec/quotas")?.as_array());
    quotas.into_iter().flatten().filter_map(|quota| quota.get("resource")?.as_str())
}

async fn judge(admission: &Admission, config: &Config, request: &Request, subject: &Subject<'_>) -> Answer {
    let exempt = request.is_exempt(config);
    let passes_locks = request.passes_locks(config);
    let quota_exempt = request.operation == Operation::Create && request.is_exempt_from_quota(config);
    let writer = request.user_info.writer();
    let now = Some(admission.clock.now());
    let mut facts = Facts { requester_exempt: Some(exempt), quota_exempt, writer, now, ..Facts::default() };
    admission.cluster.learn(&mut facts, subject, &request.namespace).await;
    let mut verdict = evaluate(config, subject, &facts);
    // What an exempt account writes is never refused; it is told all the same.
    if exempt {
        for finding in verdict.findings.iter_mut().filter(|finding| passes_locks || !LOCKS_HOLD.contains(&finding.code))
        {
            finding.severity = finding.severity.min(backup_policy::Severity::Warn);
        }
    }
    for finding in &verdict.findings {
        admission.metrics.found(finding);
    }
    let answer = Answer::judged(request, &verdict);
    // A lock that nobody could look at may hold.
    if !passes_locks && answer.refusal.is_none() && answer.not_evaluated.iter().any(|code| LOCKS_HOLD.contains(code)) {
        return answer.later(request, "cannot find out whether a backup is locked; try again", 1);
    }
    answer
}

async fn claim(admission: &Admission, request: &Request, answer: Answer, exempt: bool, deadline: Instant) -> Answer {
    let resource = request.resource_name();
    // Snapshots of exempt accounts bear the mark and take no slot; all else that they make takes one, and is never refused.
    // Those that a restore brings back have lost the mark.
    if exempt && resource == VOLUME_SNAPSHOTS && request.label(QUOTA_EXEMPT) == Some("true") {
        return answer.counted();
    }
    let name = request.metadata("name").unwrap_or(&request.name);
    let uid = request.metadata("uid").unwrap_or_default();
    let ask = Ask {
        object: Object::new(Key::new(&request.namespace, name), Uid::new(uid)),
        user: request.user_info.username.clone(),
        dry_run: request.dry_run.unwrap_or(false),
        standing: if exempt { Standing::NeverRefused } else { Standing::Limited },
    };
    let named = !name.is_empty() && !uid.is_empty();
    if !named && admission.quotas.counts(&resource) {
        return answer.nameless();
    }
    match admission.quotas.claim(&resource, ask, deadline).await {
        None => answer,
        Some(Decision::Admitted) => answer.counted(),
        Some(Decision::Full { message }) => answer.counted().full(request, &message),
        Some(Decision::Exists) => answer.counted().exists(request),
        Some(Decision::Later { message, retry_after }) => answer.counted().later(request, &message, retry_after),
    }
}
