//! The validating phase: judge the object as it will be stored, then claim a slot for it.

use backup_policy::{
    Config, Facts, Subject, evaluate,
    quota::{Decision, Key},
};

use super::{Admission, Answer, Request, review::Operation, subject};
use crate::quota::Claim;

/// Judges an object, and claims a slot for a new one whose resource is limited.
pub async fn validate(admission: &Admission, request: &Request) -> Answer {
    let writes = matches!(request.operation, Operation::Create | Operation::Update);
    let Some(subject) = subject(request).filter(|_| writes) else { return Answer::allowed() };
    let config = admission.config.load();
    let exempt = request.is_exempt(&config);
    let answer = judge(admission, &config, request, &subject, exempt).await;
    if answer.refusal.is_some() || exempt || request.operation != Operation::Create || !request.is_whole() {
        return answer;
    }
    claim(admission, &config, request, answer).await
}

async fn judge(
    admission: &Admission,
    config: &Config,
    request: &Request,
    subject: &Subject<'_>,
    exempt: bool,
) -> Answer {
    let writer = request.user_info.writer();
    let mut facts = Facts { requester_exempt: Some(exempt), writer, ..Facts::default() };
    if let Some(claim) = subject.snapshot_of_without_class() {
        admission.cluster.learn_snapshot_source(&mut facts, &request.namespace, claim).await;
    }
    let mut verdict = evaluate(config, subject, &facts);
    // What an exempt account writes is never refused; it is told all the same.
    if exempt {
        for finding in &mut verdict.findings {
            finding.severity = finding.severity.min(backup_policy::Severity::Warn);
        }
    }
    for finding in &verdict.findings {
        admission.metrics.found(finding);
    }
    Answer::judged(request, &verdict)
}

async fn claim(admission: &Admission, config: &Config, request: &Request, answer: Answer) -> Answer {
    let resource = request.resource_name();
    let Some(limit) = config.quota(&resource) else { return answer };
    let claim = Claim {
        resource: &resource,
        version: &request.resource.version,
        kind: &request.kind.kind,
        limit,
        key: Key {
            namespace: request.namespace.clone(),
            name: request.metadata("name").unwrap_or(&request.name).to_owned(),
        },
        uid: request.metadata("uid").unwrap_or_default(),
        dry_run: request.dry_run.unwrap_or(false),
        user: &request.user_info.username,
    };
    match admission.quota.claim(&claim).await {
        Ok(Decision::Admit) => answer,
        Ok(Decision::Refuse { message }) => answer.full(request, &message),
        Err(error) => {
            tracing::error!(%error, resource, namespace = claim.key.namespace, name = claim.key.name, "cannot count");
            answer.uncounted(request, &error.to_string())
        }
    }
}
