//! BKP304: Velero looks at its schedules once a minute, and by default makes one backup after the other.

use serde_json::Value;

use super::short;
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    cron::Schedule,
    go_duration,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP304",
    severity: Severity::Warn,
    title: "A Schedule leaves time between its runs",
    page: Page {
        why: "Velero looks at its schedules every minute, and by default makes one backup after the other \
              (--concurrent-backups). Backups that are queued do not stop the next run: a schedule that runs again \
              before its last backup can be done makes the queue longer and longer, and fills the storage.",
        bad: include_str!("../examples/BKP304.bad.yaml"),
        good: include_str!("../examples/BKP304.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

/// Seconds below which a schedule leaves no room for others.
const SHORT: i64 = 300;

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let Some(spec) = Spec::own(subject, &[Kind::Schedule], &["schedule"]) else { return Ok(Vec::new()) };
    let expression = spec.get("schedule").and_then(Value::as_str).unwrap_or_default();
    let intervals = Schedule::parse(expression).ok().and_then(|parsed| parsed.schedule.intervals());
    let Some(intervals) = intervals.filter(|found| found.shortest < SHORT) else { return Ok(Vec::new()) };
    let message = format!(
        "{} runs again after {}, and Velero by default makes one backup after the other; leave {} or more between two runs",
        short(expression),
        go_duration::format_seconds(intervals.shortest),
        go_duration::format_seconds(SHORT),
    );
    Ok(vec![Violation::at(FieldPath::of(&["spec", "schedule"]), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn a_run_every_minute_is_told() {
        let said = |expression: &str| said(super::check, "Schedule", &json!({"schedule": expression}));
        insta::assert_snapshot!(said("* * * * *"), @r#"spec.schedule: "* * * * *" runs again after 1m0s, and Velero by default makes one backup after the other; leave 5m0s or more between two runs"#);
        assert!(said("0,1 3 * * *").contains("after 1m0s"), "at 3:00 and 3:01");
        assert_eq!(said("*/5 * * * *"), "");
        assert_eq!(said("@every 5m"), "");
    }
}
