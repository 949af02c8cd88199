//! BKP302: Velero's two parsers make different things of an expression.

use serde_json::Value;

use super::short;
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    cron::{Doubt, Schedule},
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP302",
    severity: Severity::Warn,
    title: "A Schedule's cron expression means the same to every Velero",
    page: Page {
        why: "Velero up to 1.18.2 parses with robfig/cron, from 1.18.3 on with netresearch/go-cron. Some expressions \
              are read by only one of them, and some by both at different times: where day of month and day of week are \
              both given, the older runs on days that fit either, the newer on days that fit both. An upgrade then \
              changes or stops the schedule.",
        bad: include_str!("../examples/BKP302.bad.yaml"),
        good: include_str!("../examples/BKP302.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let Some(spec) = Spec::own(subject, &[Kind::Schedule], &["schedule"]) else { return Ok(Vec::new()) };
    let expression = spec.get("schedule").and_then(Value::as_str).unwrap_or_default();
    let doubt = Schedule::parse(expression).ok().and_then(|parsed| parsed.doubt);
    let message = match doubt {
        None => return Ok(Vec::new()),
        Some(Doubt::OlderRefuses(error)) => format!("Velero up to 1.18.2 refuses {}: {error}", short(expression)),
        Some(Doubt::NewerRefuses(error)) => format!("Velero from 1.18.3 on refuses {}: {error}", short(expression)),
        Some(Doubt::OlderDiffers(_)) => format!(
            "{} means different days: Velero up to 1.18.2 runs when the day of month or the day of week fits, from \
             1.18.3 on only when both fit; give one of them and leave the other *",
            short(expression)
        ),
    };
    Ok(vec![Violation::at(FieldPath::of(&["spec", "schedule"]), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn what_one_velero_reads_otherwise_is_told() {
        let said = |expression: &str| said(super::check, "Schedule", &json!({"schedule": expression}));
        insta::assert_snapshot!(said("0 3 * * 7"), @r#"spec.schedule: Velero up to 1.18.2 refuses "0 3 * * 7": "7" is no day of week: it goes from 0 to 6"#);
        insta::assert_snapshot!(said("*/60 * * * *"), @r#"spec.schedule: Velero from 1.18.3 on refuses "*/60 * * * *": "*/60" is no minute: its step is not shorter than its range of 60"#);
        insta::assert_snapshot!(said("0 3 1 * 1"), @r#"spec.schedule: "0 3 1 * 1" means different days: Velero up to 1.18.2 runs when the day of month or the day of week fits, from 1.18.3 on only when both fit; give one of them and leave the other *"#);
        for alike in ["0 3 * * *", "0 3 1 * *", "@daily", "CRON_TZ=Europe/Berlin 30 2 * * *", "nonsense"] {
            assert_eq!(said(alike), "", "{alike}");
        }
    }
}
