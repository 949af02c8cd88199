//! BKP306: a backup with a negative time to live has expired when it begins.

use crate::{
    Config, Facts, Operation, Severity, Subject, go_duration,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP306",
    severity: Severity::Deny,
    title: "A backup's time to live is not negative",
    page: Page {
        why: "Velero adds spec.ttl to the time at which it begins the backup (backup_controller.go) and its garbage \
              collection deletes what has expired: with a negative time the backup is deleted within the hour after it \
              was made. A ttl of zero means the server's default.",
        bad: include_str!("../examples/BKP306.bad.yaml"),
        good: include_str!("../examples/BKP306.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let Some(spec) = Spec::touched(subject, BACKUPS, &["ttl"]) else { return Ok(Vec::new()) };
    let Some(ttl) = spec.text("ttl") else { return Ok(Vec::new()) };
    if go_duration::parse(ttl).is_none_or(|duration| duration >= 0) {
        return Ok(Vec::new());
    }
    let message = format!("with {ttl} the backup has expired when it begins, and is deleted; give a time such as 720h");
    Ok(vec![Violation::at(spec.path("ttl"), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn a_backup_does_not_expire_before_it_begins() {
        insta::assert_snapshot!(said(super::check, "Backup", &json!({"ttl": "-24h"})), @"spec.ttl: with -24h the backup has expired when it begins, and is deleted; give a time such as 720h");
        assert_ne!(said(super::check, "Schedule", &json!({"template": {"ttl": "-1s"}})), "");
        for ttl in ["0s", "1h", "nonsense", ""] {
            assert_eq!(said(super::check, "Backup", &json!({"ttl": ttl})), "", "{ttl}");
        }
    }
}
