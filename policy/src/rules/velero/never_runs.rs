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
              minute. While it is paused it makes none.",
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
    let Some(spec) = Spec::own(subject, &[Kind::Schedule], &["schedule", "paused"]) else { return Ok(Vec::new()) };
    let expression = spec.get("schedule").and_then(Value::as_str).unwrap_or_default();
    let Ok(parsed) = Schedule::parse(expression) else { return Ok(Vec::new()) };
    let paused = spec.flag("paused") == Some(true);
    let is_old = |old: &Value| {
        let was_paused = old.pointer("/spec/paused").and_then(Value::as_bool) == Some(true);
        old.pointer("/spec/schedule") == spec.get("schedule") && (paused || !was_paused)
    };
    // Who pauses an old mistake, or keeps it paused, does no harm; who unpauses it lets it run.
    if subject.old.is_some_and(is_old) {
        return Ok(Vec::new());
    }
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
    let violation = Violation::at(FieldPath::of(&["spec", "schedule"]), message);
    Ok(vec![if paused { violation.harmless() } else { violation }])
}

fn runs_from(schedule: &Schedule, now: Timestamp) -> bool {
    schedule.next_after(now).and_then(|next| schedule.next_after(next)).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::{said, told};
    use crate::{Facts, Subject};

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

    #[test]
    fn one_that_is_paused_makes_no_backup_until_it_is_unpaused() {
        let schedule = |expression: &str, paused: bool| json!({"apiVersion": "velero.io/v1", "kind": "Schedule", "spec": {"schedule": expression, "paused": paused}});
        let (paused, unpaused) = (schedule("@manual", true), schedule("@manual", false));
        let said = |object: &Value, old: Option<&Value>| {
            let subject = Subject::read(object, old).expect("a known kind");
            told(super::check, &subject, &Facts::default())
        };
        assert!(said(&paused, None).ends_with("(harmless)"));
        assert!(said(&schedule("@none", true), Some(&paused)).ends_with("(harmless)"));
        assert_eq!(said(&paused, Some(&unpaused)), "", "pausing is the way out");
        let refused = said(&unpaused, Some(&paused));
        assert!(refused.contains("always due") && !refused.ends_with("(harmless)"), "{refused}");
    }
}
