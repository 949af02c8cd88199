//! A backup's deletion lock as lists, descriptions and deletions know it.

use backup_policy::{
    names::{LOCK_FOR, LOCKED_UNTIL},
    velero::Lock,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::plan::backup_row::expires;

/// What a backup's annotations say about its lock, and nothing else: thousands are small.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct LockNotes {
    #[serde(rename = "kubectl-backup.dev/locked-until", skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(rename = "kubectl-backup.dev/lock-for", skip_serializing_if = "Option::is_none")]
    lasts: Option<String>,
}

impl LockNotes {
    /// Whether they say anything, be it past or unreadable.
    pub fn are_there(&self) -> bool {
        self.until.is_some() || self.lasts.is_some()
    }

    /// When the lock of a backup with these times ends; past ends count as none.
    pub fn end(
        &self,
        created: Option<Timestamp>,
        started: Option<Timestamp>,
        phase: Option<&str>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if !self.are_there() {
            return None;
        }
        let backup = json!({
            "metadata": {"annotations": self, "creationTimestamp": created},
            "status": {"startTimestamp": started, "phase": phase},
        });
        Lock::end_of(&backup).filter(|end| *end > now)
    }
}

/// The end of a lock in a table.
pub fn cell(end: Option<Timestamp>) -> String {
    match end {
        None => "<none>".into(),
        Some(end) if end == Timestamp::MAX => "for ever".into(),
        Some(end) => end.to_string(),
    }
}

/// The schedule that a locked backup may have its lock of.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its name.
    pub name: String,
    /// It, if it is there; nothing when it may not be read.
    pub schedule: Option<Option<Value>>,
}

/// Says until when a backup is locked, and by what; nothing without a lock.
pub fn told(backup: &Value, origin: Option<&Origin>, now: Timestamp) -> String {
    let Some(end) = Lock::end_of(backup) else { return String::new() };
    if end <= now {
        return format!("no more, since {end}");
    }
    let (key, unreadable) = match Lock::read(backup) {
        Ok(Lock { until: Some(until), .. }) if until == end => (LOCKED_UNTIL, false),
        Ok(_) => (LOCK_FOR, false),
        Err(bad) => (bad.annotation, true),
    };
    let value = annotation(backup, key).unwrap_or_default();
    let left = if end == Timestamp::MAX { String::new() } else { format!(" ({})", expires(Some(end), now)) };
    let until = if unreadable { "for ever".to_owned() } else { format!("{}{left}", Lock::shown(end)) };
    let by = by(key, value, origin);
    let why = if unreadable { ", which cannot be read as a lock: only an exempt account mends it" } else { "" };
    format!("{until}, by {by}{why}")
}

fn by(key: &str, value: &str, origin: Option<&Origin>) -> String {
    let own = format!("its annotation {key}={value}");
    match origin {
        None => own,
        Some(Origin { name, schedule: None }) => format!("{own}, which its schedule {name:?} may have given it"),
        Some(Origin { name, schedule: Some(schedule) }) => {
            let same = schedule.as_ref().and_then(|schedule| annotation(schedule, key)) == Some(value);
            if same { format!("the annotation {key}={value} of its schedule {name:?}") } else { own }
        }
    }
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T00:00:00Z".parse().unwrap()
    }

    fn object(annotations: &Value) -> Value {
        json!({"metadata": {"annotations": annotations}, "status": {"startTimestamp": "2026-11-20T00:00:00Z"}})
    }

    #[test]
    fn of_a_backups_annotations_those_of_its_lock_are_kept() {
        let end = |annotations: Value, phase: &str| {
            let notes: LockNotes = serde_json::from_value(annotations).unwrap();
            cell(notes.end("2026-11-19T00:00:00Z".parse().ok(), None, Some(phase), now()))
        };
        assert_eq!(end(json!({LOCKED_UNTIL: "2026-12-01T00:00:00Z", "a": "b"}), "Completed"), "2026-12-01T00:00:00Z");
        assert_eq!(end(json!({LOCK_FOR: "72h"}), "Completed"), "2026-11-22T00:00:00Z", "from its creation");
        assert_eq!(end(json!({LOCK_FOR: "24h"}), "Completed"), "<none>", "over");
        assert_eq!(end(json!({LOCK_FOR: "30d"}), "Completed"), "for ever", "unreadable");
        assert_eq!(end(json!({LOCK_FOR: "72h"}), "FailedValidation"), "<none>");
        assert_eq!(end(json!({"a": "b"}), "Completed"), "<none>");
        let notes: LockNotes = serde_json::from_value(json!({LOCK_FOR: "24h"})).unwrap();
        assert_eq!(cell(notes.end(None, "2026-11-20T12:00:00Z".parse().ok(), None, now())), "2026-11-21T12:00:00Z");
    }

    #[test]
    fn a_lock_is_told_with_what_locks() {
        let told = |annotations: &Value, origin: Option<&Origin>| told(&object(annotations), origin, now());
        insta::assert_snapshot!(told(&json!({LOCKED_UNTIL: "2026-12-01T00:00:00Z", LOCK_FOR: "48h"}), None), @"until 2026-12-01T00:00:00Z (10d), by its annotation kubectl-backup.dev/locked-until=2026-12-01T00:00:00Z");
        insta::assert_snapshot!(told(&json!({LOCK_FOR: "48h"}), None), @"until 2026-11-22T00:00:00Z (24h), by its annotation kubectl-backup.dev/lock-for=48h");
        insta::assert_snapshot!(told(&json!({LOCK_FOR: "2d"}), None), @"for ever, by its annotation kubectl-backup.dev/lock-for=2d, which cannot be read as a lock: only an exempt account mends it");
        insta::assert_snapshot!(told(&json!({LOCK_FOR: "1h"}), None), @"no more, since 2026-11-20T01:00:00Z");
        assert_eq!(told(&json!({}), None), "");
    }

    #[test]
    fn a_schedules_lock_is_told_from_its_own() {
        let told = |schedule: Option<Option<Value>>| {
            told(&object(&json!({LOCK_FOR: "48h"})), Some(&Origin { name: "nightly".into(), schedule }), now())
        };
        insta::assert_snapshot!(told(Some(Some(object(&json!({LOCK_FOR: "48h"}))))), @r#"until 2026-11-22T00:00:00Z (24h), by the annotation kubectl-backup.dev/lock-for=48h of its schedule "nightly""#);
        let own = "until 2026-11-22T00:00:00Z (24h), by its annotation kubectl-backup.dev/lock-for=48h";
        assert_eq!(told(Some(Some(object(&json!({LOCK_FOR: "24h"}))))), own, "the schedule has another one now");
        assert_eq!(told(Some(None)), own, "there is no schedule any more");
        assert_eq!(told(None), format!("{own}, which its schedule \"nightly\" may have given it"));
    }
}
