//! What the policy's status shall say: a pure function of the object and of what this replica has in force.

use std::time::Duration;

use backup_api::policy::{BackupPolicyStatus, QUOTAS_KEPT, QuotaCount, QuotaState, READY};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::Value;

use super::judge::{InForce, Report};

/// How long a replica leaves it at another's word about the same generation. Replicas of one version say the same; two
/// versions, side by side during an update, may not.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long counts stand before others replace them. Replicas see the ledgers a moment apart: whoever wrote last goes on
/// writing, and another takes over only when it does not.
pub const COUNTS: Duration = Duration::from_secs(8);
/// The most that a condition's message may hold is 32 KiB; nobody reads as much.
const MESSAGE: usize = 4096;

/// What a replica remembers of the status.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// How long ago it wrote the status itself.
    pub own: Option<Duration>,
    /// For how long it has seen the counts that stand there.
    pub counts: Option<Duration>,
}

/// The status to write; none when the object has it, or when another replica's word stands.
pub fn next(
    object: &Value,
    state: &InForce,
    quotas: &[QuotaCount],
    now: Timestamp,
    memory: Memory,
) -> Option<BackupPolicyStatus> {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64)?;
    let (judged, status, reason, message) = said(&state.report)?;
    if judged != generation {
        // The object changed since; its newest state is on its way here.
        return None;
    }
    let old = of(object);
    let old_ready = old.conditions.iter().find(|condition| condition.type_ == READY);
    let same_word = old_ready.is_some_and(|old| old.status == status && old.reason == reason && old.message == message);
    let observed = old.observed_generation == Some(generation);
    let last_good = state.source.clone().or_else(|| old.last_good.clone());
    let same = observed && same_word && old.last_good == last_good;
    let (kept_status, kept_reason, kept_message) = kept(quotas);
    if same && old.quotas == quotas && old.conditions.iter().any(|condition| condition.type_ == QUOTAS_KEPT) {
        return None;
    }
    if same && !old.quotas.is_empty() && memory.counts.is_none_or(|seen| seen < COUNTS) {
        return None;
    }
    if observed && !same_word && memory.own.is_some_and(|ago| ago < PATIENCE) {
        return None;
    }
    let condition = |type_: &str, status: &str, reason: &str, message: String| {
        let before = old.conditions.iter().find(|condition| condition.type_ == type_);
        let since = before.filter(|old| old.status == status).map(|old| old.last_transition_time.clone());
        let mut message = message;
        message.truncate(message.floor_char_boundary(MESSAGE));
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            last_transition_time: since.unwrap_or(Time(now)),
            observed_generation: Some(generation),
        }
    };
    let ours =
        [condition(READY, status, reason, message), condition(QUOTAS_KEPT, kept_status, kept_reason, kept_message)];
    let others = old.conditions.iter().filter(|old| ours.iter().all(|ours| ours.type_ != old.type_)).cloned();
    Some(BackupPolicyStatus {
        observed_generation: Some(generation),
        conditions: ours.clone().into_iter().chain(others).collect(),
        quotas: quotas.to_vec(),
        slots: slots(quotas),
        last_good,
    })
}

/// The status that stands there, as far as it can be read.
pub fn of(object: &Value) -> BackupPolicyStatus {
    object.get("status").cloned().and_then(|status| serde_json::from_value(status).ok()).unwrap_or_default()
}

/// Whether every quota is kept: the condition's status, reason and message.
fn kept(quotas: &[QuotaCount]) -> (&'static str, &'static str, String) {
    let of = |state: QuotaState| quotas.iter().any(|quota| quota.state == state);
    let reason = match () {
        () if quotas.is_empty() => return ("True", "NoQuotas", "the policy sets no limit".to_owned()),
        () if of(QuotaState::NotAsked) => "NotAsked",
        () if of(QuotaState::Unreadable) => "Unreadable",
        () if of(QuotaState::SettingUp) || of(QuotaState::Unknown) => "SettingUp",
        () => return ("True", "Kept", format!("{} quotas are kept", quotas.len())),
    };
    let told = quotas.iter().filter(|quota| !matches!(quota.state, QuotaState::Kept | QuotaState::NotServed));
    let told: Vec<_> = told.map(|quota| format!("{}: {}", quota.resource, quota.message)).collect();
    ("False", reason, told.join("; "))
}

/// All quotas in one line; none when there are none.
fn slots(quotas: &[QuotaCount]) -> Option<String> {
    let one = |quota: &QuotaCount| {
        let plural = quota.resource.split('.').next().unwrap_or_default();
        let used = quota.used.map_or_else(|| "?".to_owned(), |used| used.to_string());
        format!("{plural} {used}/{}", quota.limit)
    };
    (!quotas.is_empty()).then(|| quotas.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The generation that a report speaks of, and the condition's status, reason and message.
fn said(report: &Report) -> Option<(i64, &'static str, &'static str, String)> {
    let (generation, status, reason, message) = match report {
        Report::Absent | Report::Missing { .. } => return None,
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

    fn count(used: u32, state: QuotaState) -> QuotaCount {
        let message = if state == QuotaState::Kept { "" } else { "because" };
        QuotaCount {
            resource: "schedules.velero.io".into(),
            limit: 3,
            used: Some(used),
            state,
            message: message.into(),
            ..QuotaCount::default()
        }
    }

    fn written(object: &mut Value, state: &InForce, quotas: &[QuotaCount], memory: Memory) -> bool {
        let status = next(object, state, quotas, now(), memory);
        let wrote = status.is_some();
        if let Some(status) = status {
            object["status"] = json!(status);
        }
        wrote
    }

    fn conditions(object: &Value) -> Vec<String> {
        let told = |condition: &Condition| {
            format!("{}={} {}: {}", condition.type_, condition.status, condition.reason, condition.message)
        };
        of(object).conditions.iter().map(told).collect()
    }

    #[test]
    fn it_is_written_once_and_replicas_agree() {
        let mut object = object(1, 3);
        let state = judged(&object);
        assert!(written(&mut object, &state, &[], Memory::default()));
        assert_eq!(of(&object).observed_generation, Some(1));
        assert!(conditions(&object)[0].starts_with("Ready=True InForce"), "{:?}", conditions(&object));
        assert_eq!(conditions(&object)[1], "QuotasKept=True NoQuotas: the policy sets no limit");
        assert!(!written(&mut object, &state, &[], Memory::default()), "another replica finds it done");
        let kept = [count(1, QuotaState::Kept)];
        assert!(written(&mut object, &state, &kept, Memory::default()), "there were no counts");
        assert_eq!(of(&object).slots.as_deref(), Some("schedules 1/3"));
        assert_eq!(conditions(&object)[1], "QuotasKept=True Kept: 1 quotas are kept");
    }

    #[test]
    fn counts_have_one_writer_until_it_stops_and_are_written_at_a_bounded_rate() {
        let mut object = object(1, 3);
        let state = judged(&object);
        assert!(written(&mut object, &state, &[count(1, QuotaState::Kept)], Memory::default()));
        let more = [count(2, QuotaState::Kept)];
        let seen = |seconds| Memory { own: None, counts: Some(Duration::from_secs(seconds)) };
        assert!(!written(&mut object, &state, &more, Memory::default()), "seen for the first time");
        assert!(!written(&mut object, &state, &more, seen(7)));
        assert!(written(&mut object, &state, &more, seen(8)));
        assert!(!written(&mut object, &state, &more, seen(1000)), "it says so already");
        let unasked = [count(2, QuotaState::NotAsked)];
        assert!(written(&mut object, &state, &unasked, seen(8)));
        assert_eq!(conditions(&object)[1], "QuotasKept=False NotAsked: schedules.velero.io: because");
        // What the policy's author did is told at once.
        object["metadata"]["generation"] = json!(2);
        let state = judged(&object);
        assert!(written(&mut object, &state, &more, Memory::default()));
    }

    #[test]
    fn a_bad_policy_is_told_and_the_last_good_one_kept() {
        let mut good = object(1, 3);
        let state = judged(&good);
        assert!(written(&mut good, &state, &[], Memory::default()));
        let mut bad = object(2, -1);
        bad["status"] = good["status"].clone();
        let state = state.judged(&Config::default(), &bad);
        assert!(written(&mut bad, &state, &[], Memory::default()));
        insta::assert_snapshot!(conditions(&bad)[0], @"Ready=False Invalid: the policy cannot be used, generation 1 stays in force: spec.quotas[0].limit: -1 must be a whole number from 0 to 2000");
        assert_eq!(of(&bad).last_good.map(|good| good.generation), Some(1));
    }

    #[test]
    fn a_replica_that_lags_behind_or_misses_the_policy_writes_nothing() {
        let state = judged(&object(1, 3));
        assert_eq!(next(&object(2, 4), &state, &[], now(), Memory::default()), None);
        let missing = state.missing(&Config::default());
        assert_eq!(next(&object(1, 3), &missing, &[], now(), Memory::default()), None);
    }

    #[test]
    fn replicas_that_disagree_do_not_fight() {
        let mut object = object(1, 3);
        let state = judged(&object);
        assert!(written(&mut object, &state, &[], Memory::default()));
        object["status"]["conditions"][0]["message"] = json!("another version's word");
        let ago = |ago| Memory { own: Some(ago), counts: None };
        assert!(!written(&mut object, &state, &[], ago(Duration::from_secs(59))));
        assert!(written(&mut object, &state, &[], ago(PATIENCE)));
    }
}
