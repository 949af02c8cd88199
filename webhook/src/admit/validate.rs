//! The validating phase: judge the object as it will be stored, then claim a slot for it.

use backup_api::labels::{BATCH, QUOTA_EXEMPT};
use backup_ledger::{Key, MAX_SLOTS, Object, Standing, Uid};
use backup_policy::{Config, Facts, Kind, Subject, config::resource::VOLUME_SNAPSHOTS, evaluate, rules::LOCKS_HOLD};
use k8s_openapi::api::core::v1::ObjectReference;
use tokio::time::Instant;

use super::{Admission, Answer, Request, review::Operation, subject};
use crate::{
    events::{Events, Posting},
    ledger::{Ask, Decision, probe_seen},
};

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
    if let Some(posting) = told(&admission.events, request, &answer) {
        tokio::spawn(posting);
    }
    if answer.refusal.is_none() && request.subject_kind() == Some(Kind::BackupPolicy) {
        answer.warn(admission.quotas.doubts(limited(request)));
    }
    let creates = request.operation == Operation::Create && request.is_whole();
    if answer.refusal.is_some() || !creates {
        return answer;
    }
    claim(admission, request, answer, request.is_exempt_from_quota(&config), deadline).await
}

/// The event about an object that the rules refuse: whoever applies it from a repository reads no answers. A dry run leaves none.
fn told(events: &Events, request: &Request, answer: &Answer) -> Option<Posting> {
    let refusal = answer.refusal.as_ref().filter(|_| answer.verdict == "denied" && request.dry_run != Some(true))?;
    let object = request.object.as_ref().or(request.old_object.as_ref())?;
    let name = request.metadata("name").unwrap_or(&request.name);
    // Of objects outside of namespaces nobody would look for events, and a name that is still to come names nothing.
    let whose = Some(request.namespace.as_str()).filter(|namespace| !namespace.is_empty() && !name.is_empty())?;
    let about = ObjectReference {
        api_version: Some(object.get("apiVersion")?.as_str()?.to_owned()),
        kind: Some(request.kind.kind.clone()),
        namespace: Some(whose.to_owned()),
        name: Some(name.to_owned()),
        uid: request.metadata("uid").map(str::to_owned),
        ..ObjectReference::default()
    };
    events.refused(about, "RuleDenied", &refusal.message)
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

/// How many a dry run is to be answered for: what is made is decided one by one, only snapshots are made by the dozen, and a
/// number that no quota can have is none.
fn batch(request: &Request) -> usize {
    let is_asked = request.dry_run == Some(true) && request.resource_name() == VOLUME_SNAPSHOTS;
    let told = request.annotation(BATCH).filter(|_| is_asked);
    told.and_then(|told| told.parse().ok()).filter(|count| (1..=MAX_SLOTS).contains(count)).unwrap_or(1)
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
        batch: batch(request),
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

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{Arc, Mutex},
    };

    use http_body_util::BodyExt;
    use kube::{Client, client::Body};
    use serde_json::{Value, json};

    use super::*;
    use crate::admit;

    fn request(namespace: &str, dry_run: bool) -> Request {
        let object = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web", "annotations": {"backup.velero.io/backup-volumes": "data"}}});
        let review = json!({"request": {
            "uid": "u", "operation": "CREATE", "userInfo": {}, "dryRun": dry_run, "namespace": namespace, "name": "web",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "object": object,
        }});
        admit::read(review.to_string().as_bytes()).expect("a review")
    }

    #[test]
    fn a_batch_is_a_dry_run_of_a_snapshot_with_a_number_that_a_quota_can_have() {
        let told = |(group, resource): (&str, &str), count: Value, dry_run: bool| {
            let review = json!({"request": {
                "uid": "u", "operation": "CREATE", "userInfo": {}, "dryRun": dry_run, "namespace": "shop", "name": "a",
                "kind": {"group": group, "version": "v1", "kind": "Any"},
                "resource": {"group": group, "version": "v1", "resource": resource},
                "object": {"metadata": {"name": "a", "annotations": {BATCH: count}}},
            }});
            batch(&admit::read(review.to_string().as_bytes()).expect("a review"))
        };
        let snapshot = ("snapshot.storage.k8s.io", "volumesnapshots");
        for (count, is) in
            [("1", 1), ("12", 12), ("2000", 2000), ("2001", 1), ("0", 1), ("-3", 1), ("many", 1), ("", 1)]
        {
            assert_eq!(told(snapshot, json!(count), true), is, "{count}");
            assert_eq!(told(snapshot, json!(count), false), 1, "one that is made: {count}");
        }
        assert_eq!(told(snapshot, json!(5), true), 1, "no annotation is a number");
        for other in [("", "secrets"), ("velero.io", "schedules"), ("example.org", "volumesnapshots")] {
            assert_eq!(told(other, json!("5"), true), 1, "nobody makes several of those at once: {other:?}");
        }
        assert_eq!(batch(&request("shop", true)), 1);
    }

    fn judged(request: &Request) -> Answer {
        let subject = subject(request).expect("a pod");
        Answer::judged(request, &evaluate(&Config::default(), &subject, &Facts::default()))
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_rule_refuses_is_told_as_an_event_and_no_dry_run_is() {
        let posted = Arc::new(Mutex::new(Vec::<(String, Value)>::new()));
        let taken = Arc::clone(&posted);
        let answer = tower::service_fn(move |request: http::Request<Body>| {
            let taken = Arc::clone(&taken);
            async move {
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.expect("a body").to_bytes();
                taken.lock().expect("nobody failed").push((path, serde_json::from_slice(&body).expect("JSON")));
                Ok::<_, Infallible>(http::Response::new(Body::from(body.to_vec())))
            }
        });
        let events = Events::new(Client::new(answer, "system"));
        let (dry, refused) = (request("shop", true), request("shop", false));
        assert!(told(&events, &dry, &judged(&dry)).is_none());
        assert!(told(&events, &refused, &Answer::allowed()).is_none());
        assert!(told(&events, &refused, &Answer::allowed().later(&refused, "soon", 1)).is_none(), "no rule refused it");
        told(&events, &refused, &judged(&refused)).expect("an event").await;
        assert!(told(&events, &refused, &judged(&refused)).is_none(), "told already");
        let posted = posted.lock().expect("nobody failed");
        let [(path, event)] = posted.as_slice() else { panic!("{posted:?}") };
        assert!(path.ends_with("/namespaces/shop/events"), "{path}");
        assert_eq!((&event["reason"], &event["type"]), (&json!("RuleDenied"), &json!("Warning")));
        assert_eq!(event["regarding"], json!({"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web"}));
        assert!(event["note"].as_str().is_some_and(|note| note.contains("BKP104")), "{event}");
    }
}
