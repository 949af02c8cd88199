//! What the policy's status shall say: a pure function of the object and of what this replica has in force.

use std::time::Duration;

use backup_api::policy::{BackupPolicyStatus, QuotaCount, READY};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::Value;

use super::judge::{InForce, Report};

/// How long a replica leaves it at another's word about the same generation. Replicas of one version say the same; two
/// versions, side by side during an update, may not.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The most that a condition's message may hold is 32 KiB; nobody reads as much.
const MESSAGE: usize = 4096;

/// The status to write; none when the object has it, or when another replica's word stands.
pub fn next(
    object: &Value,
    state: &InForce,
    quotas: &[QuotaCount],
    now: Timestamp,
    own_last: Option<Duration>,
) -> Option<BackupPolicyStatus> {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64)?;
    let (judged, status, reason, message) = said(&state.report)?;
    if judged != generation {
        // The object changed since; its newest state is on its way here.
        return None;
    }
    let old: BackupPolicyStatus =
        object.get("status").cloned().and_then(|status| serde_json::from_value(status).ok()).unwrap_or_default();
    let old_ready = old.conditions.iter().find(|condition| condition.type_ == READY);
    let same_word = old_ready.is_some_and(|old| old.status == status && old.reason == reason && old.message == message);
    let observed = old.observed_generation == Some(generation);
    let last_good = state.source.clone().or_else(|| old.last_good.clone());
    if observed && same_word && old.quotas == quotas && old.last_good == last_good {
        return None;
    }
    if observed && !same_word && own_last.is_some_and(|ago| ago < PATIENCE) {
        return None;
    }
    let since = old_ready.filter(|old| old.status == status).map(|old| old.last_transition_time.clone());
    let ready = Condition {
        type_: READY.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        last_transition_time: since.unwrap_or(Time(now)),
        observed_generation: Some(generation),
    };
    let others = old.conditions.iter().filter(|condition| condition.type_ != READY).cloned();
    Some(BackupPolicyStatus {
        observed_generation: Some(generation),
        conditions: std::iter::once(ready).chain(others).collect(),
        quotas: quotas.to_vec(),
        last_good,
    })
}

/// The generation that a report speaks of, and the condition's status, reason and message.
fn said(report: &Report) -> Option<(i64, &'static str, &'static str, String)> {
    let (generation, status, reason, message) = match report {
        Report::Absent => return None,
        Report::Used { generation, doubts } if doubts.is_empty() => {
            (generation, "True", "InForce", "the policy is in force".to_owned())
        }
        Report::Used { generation, doubts } => {
            (generation, "True", "InForceWithDoubts", format!("the policy is in force; look at {doubts}"))
        }
        Report::Refused { generation, mistakes, kept } => {
            let instead = kept.map_or_else(
                || "the built-in values hold".to_owned(),
                |kept| format!("generation {kept} stays in force"),
            );
            (generation, "False", "Invalid", format!("the policy cannot be used, {instead}: {mistakes}"))
        }
    };
    let mut message = message;
    message.truncate(message.floor_char_boundary(MESSAGE));
    Some((*generation, status, reason, message))
}

#[cfg(test)]
mod tests {
    use backup_policy::Config;
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a time")
    }

    fn object(generation: i64, limit: i64) -> Value {
        let quotas = json!([{"resource": "schedules.velero.io", "limit": limit}]);
        json!({"metadata": {"generation": generation}, "spec": {"quotas": quotas}})
    }

    fn judged(object: &Value) -> InForce {
        InForce::without(&Config::default()).judged(&Config::default(), object)
    }

    #[test]
    fn it_is_written_once_and_replicas_agree() {
        let mut object = object(1, 3);
        let state = judged(&object);
        let status = next(&object, &state, &[], now(), None).expect("a status");
        assert_eq!((status.observed_generation, status.conditions[0].status.as_str()), (Some(1), "True"));
        object["status"] = json!(status);
        assert_eq!(next(&object, &state, &[], now(), None), None, "another replica finds it done");
        let counts = [QuotaCount { resource: "schedules.velero.io".into(), limit: 3, used: Some(1) }];
        assert_eq!(next(&object, &state, &counts, now(), None).map(|status| status.quotas), Some(counts.to_vec()));
    }

    #[test]
    fn a_bad_policy_is_told_and_the_last_good_one_kept() {
        let good = object(1, 3);
        let state = judged(&good);
        let mut bad = object(2, -1);
        bad["status"] = json!(next(&good, &state, &[], now(), None));
        let state = state.judged(&Config::default(), &bad);
        let status = next(&bad, &state, &[], now(), None).expect("a status");
        insta::assert_snapshot!(status.conditions[0].message, @"the policy cannot be used, generation 1 stays in force: spec.quotas[0].limit: -1 must be a whole number from 0 to 2000");
        assert_eq!(status.last_good.map(|good| good.generation), Some(1));
    }

    #[test]
    fn a_replica_that_lags_behind_writes_nothing() {
        let state = judged(&object(1, 3));
        assert_eq!(next(&object(2, 4), &state, &[], now(), None), None);
    }

    #[test]
    fn replicas_that_disagree_do_not_fight() {
        let mut object = object(1, 3);
        let state = judged(&object);
        object["status"] = json!(next(&object, &state, &[], now(), None));
        object["status"]["conditions"][0]["message"] = json!("another version's word");
        assert_eq!(next(&object, &state, &[], now(), Some(Duration::from_secs(59))), None);
        assert!(next(&object, &state, &[], now(), Some(PATIENCE)).is_some());
    }
}
