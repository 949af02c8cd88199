//! The deletion lock: until when a backup must stay.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    go_duration,
    names::{LOCK_FOR, LOCKED_UNTIL},
    subject::annotation,
};

/// What an object says about its lock, or a schedule about those of its backups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lock {
    /// The moment itself.
    pub until: Option<Timestamp>,
    /// The time from the backup's start on.
    pub lasts: Option<SignedDuration>,
}

/// A lock that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLock {
    /// The annotation.
    pub annotation: &'static str,
    /// What it should look like.
    pub expected: &'static str,
}

impl Lock {
    /// Reads both annotations.
    ///
    /// # Errors
    /// Names the one that cannot be read.
    pub fn read(object: &Value) -> Result<Self, BadLock> {
        Ok(Self { until: Self::until(object)?, lasts: Self::lasts(object)? })
    }

    /// What of it can be read: a word that is none does not undo the other one.
    #[must_use]
    pub fn readable(object: &Value) -> Self {
        Self { until: Self::until(object).unwrap_or_default(), lasts: Self::lasts(object).unwrap_or_default() }
    }

    fn until(object: &Value) -> Result<Option<Timestamp>, BadLock> {
        let until = annotation(object, LOCKED_UNTIL).map(|text| {
            let expected = "a date and time with its zone, as in 2026-12-31T00:00:00Z";
            text.parse().map_err(|_| BadLock { annotation: LOCKED_UNTIL, expected })
        });
        until.transpose()
    }

    fn lasts(object: &Value) -> Result<Option<SignedDuration>, BadLock> {
        let lasts = annotation(object, LOCK_FOR).map(|text| {
            let bad = BadLock { annotation: LOCK_FOR, expected: "a duration longer than none, as in 720h" };
            go_duration::parse_seconds(text).filter(|seconds| *seconds > 0).map(SignedDuration::from_secs).ok_or(bad)
        });
        lasts.transpose()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// When the lock of this backup ends; `begins` is the start of a backup that nobody has made yet.
    ///
    /// A backup that Velero brings back from the object store is a new object with its old start: the start tells.
    #[must_use]
    pub fn end(&self, backup: &Value, begins: Option<Timestamp>) -> Option<Timestamp> {
        let time = |pointer: &str| backup.pointer(pointer)?.as_str()?.parse::<Timestamp>().ok();
        let start = time("/status/startTimestamp").or_else(|| time("/metadata/creationTimestamp")).or(begins);
        // A lock beyond the end of all calendars lasts as long as they do.
        let after_start =
            self.lasts.zip(start).map(|(lasts, start)| start.checked_add(lasts).unwrap_or(Timestamp::MAX));
        self.until.max(after_start)
    }

    /// When the lock of a stored backup ends; one that cannot be read, which came past the rules, has no end.
    ///
    /// A backup that Velero did not even begin, because it is wrong, holds nothing to be locked.
    #[must_use]
    pub fn end_of(backup: &Value) -> Option<Timestamp> {
        if backup.pointer("/status/phase").and_then(Value::as_str) == Some("FailedValidation") {
            return None;
        }
        Self::read(backup).map_or(Some(Timestamp::MAX), |lock| lock.end(backup, None))
    }

    /// An end as people are told it.
    #[must_use]
    pub fn shown(end: Timestamp) -> String {
        if end == Timestamp::MAX {
            return "for ever, or by a lock that cannot be read and that only an exempt account mends".to_owned();
        }
        format!("until {end}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn end(annotations: &Value, status: &Value) -> Result<Option<String>, &'static str> {
        let backup = json!({"metadata": {"annotations": annotations, "creationTimestamp": "2026-05-01T00:00:00Z"}, "status": status});
        let lock = Lock::read(&backup).map_err(|bad| bad.annotation)?;
        Ok(lock.end(&backup, None).map(|end| end.to_string()))
    }

    #[test]
    fn the_later_of_both_counts() {
        let open = json!({});
        assert_eq!(end(&open, &open), Ok(None));
        let until = json!({LOCKED_UNTIL: "2026-06-01T02:00:00+02:00"});
        assert_eq!(end(&until, &open), Ok(Some("2026-06-01T00:00:00Z".to_owned())));
        let lasts = json!({LOCK_FOR: "48h"});
        assert_eq!(end(&lasts, &open), Ok(Some("2026-05-03T00:00:00Z".to_owned())));
        let started = json!({"startTimestamp": "2026-04-01T00:00:00Z"});
        assert_eq!(end(&lasts, &started), Ok(Some("2026-04-03T00:00:00Z".to_owned())));
        let both = json!({LOCKED_UNTIL: "2026-05-02T00:00:00Z", LOCK_FOR: "48h"});
        assert_eq!(end(&both, &open), Ok(Some("2026-05-03T00:00:00Z".to_owned())));
    }

    #[test]
    fn what_cannot_be_read_locks_and_does_not_undo_the_other() {
        let backup = |until: &str, lasts: &str| json!({"metadata": {"annotations": {LOCKED_UNTIL: until, LOCK_FOR: lasts}, "creationTimestamp": "2026-05-01T00:00:00Z"}});
        for (until, lasts) in [("forever", "48h"), ("2026-06-01T00:00:00Z", "30d"), ("forever", "30d")] {
            assert_eq!(Lock::end_of(&backup(until, lasts)), Some(Timestamp::MAX), "{until} {lasts}");
        }
        let readable = |until: &str, lasts: &str| Lock::readable(&backup(until, lasts));
        assert_eq!(readable("forever", "48h").lasts, Some(SignedDuration::from_hours(48)));
        assert_eq!(readable("2026-06-01T00:00:00Z", "30d").until, "2026-06-01T00:00:00Z".parse().ok());
    }

    #[test]
    fn a_backup_that_was_never_begun_is_not_locked() {
        let backup = |phase: &str| json!({"metadata": {"annotations": {LOCKED_UNTIL: "2026-06-01T00:00:00Z"}}, "status": {"phase": phase}});
        assert_eq!(Lock::end_of(&backup("FailedValidation")), None);
        assert!(["", "New", "Failed", "Completed"].iter().all(|phase| Lock::end_of(&backup(phase)).is_some()));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (annotation, value) in [
            (LOCKED_UNTIL, ""),
            (LOCKED_UNTIL, "2026-06-01"),
            (LOCKED_UNTIL, "2026-06-01T00:00:00"),
            (LOCKED_UNTIL, "forever"),
            (LOCK_FOR, "30d"),
            (LOCK_FOR, "-1h"),
            (LOCK_FOR, "0s"),
        ] {
            assert_eq!(end(&json!({annotation: value}), &json!({})), Err(annotation), "{value:?}");
        }
    }
}
