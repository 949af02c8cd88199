//! BKP301: Velero never runs a schedule whose expression it cannot read.

use serde_json::Value;

use super::short;
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    cron::Schedule,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP301",
    severity: Severity::Deny,
    title: "A Schedule's cron expression can be read",
    page: Page {
        why: "Velero reads the expression only after the Schedule was made. What it cannot read leaves the Schedule in \
              phase FailedValidation (pkg/controller/schedule_controller.go, parseCronSchedule): no backup is ever \
              made, and who made it was told that all is well.",
        bad: include_str!("../examples/BKP301.bad.yaml"),
        good: include_str!("../examples/BKP301.good.yaml"),
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
    let Err(error) = Schedule::parse(expression) else { return Ok(Vec::new()) };
    let message = format!("no Velero reads {} as a cron expression: {error}", short(expression));
    Ok(vec![Violation::at(FieldPath::of(&["spec", "schedule"]), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn an_expression_that_no_velero_reads_is_refused() {
        let said = |expression: &str| said(super::check, "Schedule", &json!({"schedule": expression}));
        insta::assert_snapshot!(said("0 3 * *"), @r#"spec.schedule: no Velero reads "0 3 * *" as a cron expression: it has 4 fields and needs five: minute, hour, day of month, month, day of week"#);
        insta::assert_snapshot!(said("61 3 * * *"), @r#"spec.schedule: no Velero reads "61 3 * * *" as a cron expression: "61" is no minute: it goes from 0 to 59"#);
        insta::assert_snapshot!(said("CRON_TZ=Europe/Bern 0 3 * * *"), @r#"spec.schedule: no Velero reads "CRON_TZ=Europe/Bern 0 3 * * *" as a cron expression: there is no time zone "Europe/Bern"; write it as in CRON_TZ=Europe/Berlin"#);
        insta::assert_snapshot!(said(""), @r#"spec.schedule: no Velero reads "" as a cron expression: it is empty"#);
        assert_eq!(said("0 3 * * *"), "");
        assert!(said(&"9".repeat(100_000)).len() < 1000, "an answer does not grow with the question");
    }
}
