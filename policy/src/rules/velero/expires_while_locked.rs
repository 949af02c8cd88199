//! BKP353: Velero deletes what has expired, so that nothing expires while it is locked.

use jiff::Timestamp;
use serde_json::Value;

use super::{NOW, at_new_year, lock_unreadable};
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    defaults::{VELEROS_TTL, is_open_ttl},
    go_duration,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Lock, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP353",
    severity: Severity::Deny,
    title: "A backup lives as long as its deletion lock",
    page: Page {
        why: "Velero's garbage collection asks to delete backups that have expired, which a lock refuses, again and \
              again. A locked backup therefore expires after its lock: spec.ttl, or status.expiration once \
              the backup was made, must reach its end. Where the time to live is left open, Velero's server decides, \
              which takes 30 days unless it was started with another: for locks of up to 30 days it may stay open, and for longer ones \
              the webhook fills in what the lock needs.",
        bad: include_str!("../examples/BKP353.bad.yaml"),
        good: include_str!("../examples/BKP353.good.yaml"),
        operation: Operation::Create,
        facts: &[NOW],
        given: at_new_year,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let written = BACKUPS.contains(&subject.kind) && !subject.is_terminating();
    let touched = Spec::touched(subject, BACKUPS, &["ttl"]).is_some() || lock_unreadable::changed(subject);
    let lock = Lock::readable(subject.object);
    if !written || lock.is_open() || !(touched || status_changed(subject)) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let time = |pointer: &str| subject.object.pointer(pointer)?.as_str()?.parse::<Timestamp>().ok();
    let end = lock.end(subject.object, facts.now);
    if let (Some(expires), Some(end)) = (time("/status/expiration"), end)
        && expires < end
        && facts.now.is_none_or(|now| now < end)
    {
        let message = format!("is {expires}, before the lock's end at {end}; make it later first, or with the lock");
        found.push(Violation::at(FieldPath::of(&["status", "expiration"]), message));
    }
    // From then on the expiration counts.
    let begun = time("/status/startTimestamp").is_some() && Spec::touched(subject, BACKUPS, &["ttl"]).is_none();
    if !begun {
        found.extend(too_short(subject, &lock, facts)?);
    }
    Ok(found)
}

/// Whether the time to live ends before the lock.
fn too_short(subject: &Subject<'_>, lock: &Lock, facts: &Facts) -> Result<Option<Violation>, Missing> {
    let fields = if subject.kind == Kind::Schedule { &["spec", "template", "ttl"][..] } else { &["spec", "ttl"] };
    let path = FieldPath::of(fields);
    let written = path.find(subject.object);
    let ttl = written.and_then(Value::as_str).and_then(go_duration::parse_seconds);
    // A schedule's backups begin now at the earliest, and a lasting lock begins with them.
    let left = match lock.until {
        Some(until) => Some(until.as_second() - facts.now.ok_or(Missing(NOW))?.as_second()),
        None => None,
    };
    let lasts = lock.lasts.map(|lasts| lasts.as_secs());
    let Some(needed) = left.max(lasts).filter(|needed| *needed > 0) else { return Ok(None) };
    let message = match ttl.filter(|seconds| *seconds > 0) {
        Some(ttl) if ttl >= needed => return Ok(None),
        // Velero's server decides: whether it was started with less cannot be seen, and the lock holds all the same.
        None if needed <= VELEROS_TTL && is_open_ttl(written) => return Ok(None),
        Some(_) => "is shorter than the deletion lock, and Velero deletes what has expired",
        None => "is not given, and must reach the end of the deletion lock",
    };
    // Whole hours, upwards, so that the answer is still right a moment later.
    Ok(Some(Violation::at(path, format!("{message}; give {}h or more", needed / 3600 + 1))))
}

fn status_changed(subject: &Subject<'_>) -> bool {
    ["/status/expiration", "/status/startTimestamp"]
        .iter()
        .any(|pointer| subject.old.and_then(|old| old.pointer(pointer)) != subject.object.pointer(pointer))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::at_new_year;
    use super::super::fixture::{said_of, told};
    use crate::{
        Kind, Subject,
        names::{LOCK_FOR, LOCKED_UNTIL},
    };

    fn said(
        kind: &str,
        annotations: &serde_json::Value,
        spec: &serde_json::Value,
        status: &serde_json::Value,
    ) -> String {
        let object = json!({"apiVersion": "velero.io/v1", "kind": kind, "metadata": {"annotations": annotations}, "spec": spec, "status": status});
        said_of(super::check, &object, &at_new_year())
    }

    #[test]
    fn the_time_to_live_reaches_the_locks_end() {
        let month = json!({LOCK_FOR: "720h"});
        let said = |kind: &str, annotations: &serde_json::Value, spec: serde_json::Value| {
            said(kind, annotations, &spec, &json!({}))
        };
        insta::assert_snapshot!(said("Schedule", &month, json!({"template": {"ttl": "24h"}})), @"spec.template.ttl: is shorter than the deletion lock, and Velero deletes what has expired; give 721h or more");
        let longer = json!({LOCK_FOR: "721h"});
        insta::assert_snapshot!(said("Backup", &longer, json!({"ttl": "0s"})), @"spec.ttl: is not given, and must reach the end of the deletion lock; give 722h or more");
        for open in [json!({}), json!({"ttl": null}), json!({"ttl": "0s"})] {
            assert_eq!(said("Backup", &month, open), "", "Velero's server takes as much by itself");
        }
        insta::assert_snapshot!(said("Backup", &month, json!({"ttl": "-1h"})), @"spec.ttl: is not given, and must reach the end of the deletion lock; give 721h or more");
        insta::assert_snapshot!(said("Backup", &month, json!({"ttl": "500ms"})), @"spec.ttl: is not given, and must reach the end of the deletion lock; give 721h or more");
        assert_eq!(said("Backup", &month, json!({"ttl": "720h"})), "");
        let until = json!({LOCKED_UNTIL: "2026-01-11T00:00:00Z"});
        insta::assert_snapshot!(said("Backup", &until, json!({"ttl": "239h"})), @"spec.ttl: is shorter than the deletion lock, and Velero deletes what has expired; give 241h or more");
        assert_eq!(said("Backup", &until, json!({"ttl": "240h"})), "");
        assert_eq!(said("Backup", &json!({LOCKED_UNTIL: "2025-01-11T00:00:00Z"}), json!({"ttl": "1h"})), "", "over");
    }

    #[test]
    fn a_backup_that_was_made_expires_after_its_lock() {
        let until = json!({LOCKED_UNTIL: "2026-06-01T00:00:00Z"});
        let said = |expiration: &str| {
            let status = json!({"startTimestamp": "2025-12-31T00:00:00Z", "expiration": expiration});
            said("Backup", &until, &json!({"ttl": "9000h"}), &status)
        };
        insta::assert_snapshot!(said("2026-05-01T00:00:00Z"), @"status.expiration: is 2026-05-01T00:00:00Z, before the lock's end at 2026-06-01T00:00:00Z; make it later first, or with the lock");
        assert_eq!(said("2026-06-01T00:00:00Z"), "");
    }

    #[test]
    fn a_time_to_live_is_not_cut_for_a_backup_that_velero_is_made_to_begin_again() {
        let backup = |ttl: &str| {
            json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"annotations": {LOCK_FOR: "720h"}},
                "spec": {"ttl": ttl}, "status": {"startTimestamp": "2025-12-31T00:00:00Z"}})
        };
        let (old, new) = (backup("720h"), backup("1h"));
        let update = |new, old| told(super::check, &Subject::write(Kind::Backup, new, Some(old)), &at_new_year());
        assert_ne!(update(&new, &old), "");
        assert_eq!(update(&old, &new), "");
    }
}
