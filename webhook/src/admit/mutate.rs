//! The mutating phase: fill in what was left open.

use backup_policy::{Facts, defaults};

use super::{Admission, Answer, Request, review::Operation, subject};

/// Fills in what the author of a new object left open; never refuses.
pub async fn mutate(admission: &Admission, request: &Request) -> Answer {
    let subject = subject(request).filter(|_| request.operation == Operation::Create && request.is_whole());
    let Some(subject) = subject else { return Answer::allowed() };
    let config = admission.config.load();
    let exempt = request.is_exempt(&config);
    let quota_exempt = request.is_exempt_from_quota(&config);
    let now = Some(admission.clock.now());
    let mut facts = Facts { requester_exempt: Some(exempt), quota_exempt, now, ..Facts::default() };
    if !exempt {
        admission.cluster.learn_for_defaults(&mut facts, &subject, &request.namespace).await;
    }
    Answer::patched(defaults::patch(&config, &subject, &facts))
}
