//! BKP303: to Velero a schedule that never runs is always due.

use jiff::Timestamp;
use serde_json::Value;

use super::short;
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    cron::Schedule,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP303",
    severity: Severity::Deny,
    title: "A Schedule runs some day",
    page: Page {
        why: "Velero takes the next run from its cron library, which answers with no time at all when it finds none \
              within five years, and for @manual, @triggered and @none. Velero compares that with the clock and finds \
              it in the past (getNextRunTime): the schedule is always due, and makes one backup after the other, every \
              minute.",
        bad: include_str!("../examples/BKP303.bad.yaml"),
        good: include_str!("../examples/BKP303.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(spec) = Spec::own(subject, &[Kind::Schedule], &["schedule"]) else { return Ok(Vec::new()) };
    let expression = spec.get("schedule").and_then(Value::as_str).unwrap_or_default();
    let Ok(parsed) = Schedule::parse(expression) else { return Ok(Vec::new()) };
    // A leap day that is a Monday comes some day, and is not found from every year: Velero's answer hangs on the date.
    let runs = facts.now.map_or_else(|| parsed.schedule.intervals().is_some(), |now| runs_from(&parsed.schedule, now));
    if runs {
        return Ok(Vec::new());
    }
    let message = format!(
        "{} never comes within five years, which Velero takes for always due: it would make a backup every minute; give \
         a day that comes, or paused: true to run it by hand",
        short(expression)
    );
    Ok(vec![Violation::at(FieldPath::of(&["spec", "schedule"]), message)])
}

fn runs_from(schedule: &Schedule, now: Timestamp) -> bool {
    schedule.next_after(now).and_then(|next| schedule.next_after(next)).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn a_day_that_never_comes_is_refused() {
        let said = |expression: &str| said(super::check, "Schedule", &json!({"schedule": expression}));
        insta::assert_snapshot!(said("0 3 30 2 *"), @r#"spec.schedule: "0 3 30 2 *" never comes within five years, which Velero takes for always due: it would make a backup every minute; give a day that comes, or paused: true to run it by hand"#);
        assert!(said("@manual").contains("always due"));
        assert!(said("0 3 31 4,6 *").contains("always due"));
        assert!(said(", 3 * * *").contains("always due"), "a list of nothing");
        assert_eq!(said("0 3 29 2 *"), "", "every four years");
        assert_eq!(said("nonsense"), "", "another rule's business");
    }
}
