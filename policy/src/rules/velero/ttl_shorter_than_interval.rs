//! BKP307: between the end of one backup and the next there is none.

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
    code: "BKP307",
    severity: Severity::Warn,
    title: "A Schedule's backups live until the next one",
    page: Page {
        why: "Each backup of a schedule is deleted when its time to live is over, whether or not there is a newer one. \
              When that time is shorter than the time to the next run, there are hours or days without any backup of \
              the schedule.",
        bad: include_str!("../examples/BKP307.bad.yaml"),
        good: include_str!("../examples/BKP307.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let cron = Spec::own(subject, &[Kind::Schedule], &["schedule"]);
    let template = Spec::touched(subject, &[Kind::Schedule], &["ttl"]);
    let (Some(_), Some(object)) = (cron.or(template), subject.object.get("spec")) else { return Ok(Vec::new()) };
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (expression, ttl) = (text("/schedule"), text("/template/ttl"));
    let Some(seconds) = go_duration::parse_seconds(ttl).filter(|seconds| *seconds > 0) else { return Ok(Vec::new()) };
    let intervals = Schedule::parse(expression).ok().and_then(|parsed| parsed.schedule.intervals());
    let Some(intervals) = intervals.filter(|found| found.longest > seconds) else { return Ok(Vec::new()) };
    let message = format!(
        "with {} each backup ends before the next one begins, up to {} later ({}): in between there is none; keep them \
         longer than that",
        short(ttl),
        go_duration::format_seconds(intervals.longest),
        short(expression),
    );
    Ok(vec![Violation::at(FieldPath::of(&["spec", "template", "ttl"]), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn the_longest_gap_counts() {
        let said = |cron: &str, ttl: &str| {
            said(super::check, "Schedule", &json!({"schedule": cron, "template": {"ttl": ttl}}))
        };
        insta::assert_snapshot!(said("0 3 * * 1-5", "24h"), @r#"spec.template.ttl: with "24h" each backup ends before the next one begins, up to 72h0m0s later ("0 3 * * 1-5"): in between there is none; keep them longer than that"#);
        assert_eq!(said("0 3 * * 1-5", "72h"), "");
        assert_eq!(said("@daily", "0s"), "", "the server's default is not known");
        assert_eq!(said("nonsense", "1h"), "");
    }
}
