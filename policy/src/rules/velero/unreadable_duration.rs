//! BKP305: one duration that Velero cannot read keeps it from reading any object of that kind.

use super::{MANY, hooks, short};
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject, go_duration,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP305",
    severity: Severity::Deny,
    title: "Durations are such as Velero reads",
    page: Page {
        why: "The API server takes any text for a duration. Velero decodes the whole list of Backups, Schedules or \
              Restores with Go's time.ParseDuration and fails at the first text that is none: from then on it sees no \
              object of that kind, old or new, until the wrong one is gone. Go knows no days: 30 days are 720h.",
        bad: include_str!("../examples/BKP305.bad.yaml"),
        good: include_str!("../examples/BKP305.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

/// Fields of a backup's specification.
const BACKUP: [&str; 3] = ["ttl", "csiSnapshotTimeout", "itemOperationTimeout"];

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let kinds = [Kind::Backup, Kind::Schedule, Kind::Restore];
    let fields = ["ttl", "csiSnapshotTimeout", "itemOperationTimeout", "hooks"];
    let Some(spec) = Spec::touched(subject, &kinds, &fields) else { return Ok(Vec::new()) };
    let own: &[&'static str] = if subject.kind == Kind::Restore { &BACKUP[2..] } else { &BACKUP };
    let mut places: Vec<_> = own.iter().map(|field| (spec.path(field), spec.get(field))).collect();
    places.extend(hooks::durations(&spec));
    let wrong = places.into_iter().filter_map(|(path, value)| {
        let text = value?.as_str()?;
        go_duration::parse(text).is_none().then(|| Violation::at(path, message(text)))
    });
    Ok(wrong.take(MANY).collect())
}

fn message(text: &str) -> String {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    let way_out = days.map_or_else(
        || "write a number with a unit, as in 720h or 1h30m".to_owned(),
        |days| format!("Go knows no days: write {}h", u64::from(days) * 24),
    );
    format!("{} is no duration, and Velero would read no object of this kind any more; {way_out}", short(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn what_go_cannot_read_is_refused_wherever_it_stands() {
        insta::assert_snapshot!(said(super::check, "Backup", &json!({"ttl": "30d"})), @r#"spec.ttl: "30d" is no duration, and Velero would read no object of this kind any more; Go knows no days: write 720h"#);
        insta::assert_snapshot!(said(super::check, "Restore", &json!({"itemOperationTimeout": "4 hours"})), @r#"spec.itemOperationTimeout: "4 hours" is no duration, and Velero would read no object of this kind any more; write a number with a unit, as in 720h or 1h30m"#);
        let hook = json!({"name": "a", "pre": [{"exec": {"command": ["x"], "timeout": "soon"}}]});
        let schedule = json!({"template": {"hooks": {"resources": [hook]}}});
        insta::assert_snapshot!(said(super::check, "Schedule", &schedule), @r#"spec.template.hooks.resources[0].pre[0].exec.timeout: "soon" is no duration, and Velero would read no object of this kind any more; write a number with a unit, as in 720h or 1h30m"#);
        assert_eq!(said(super::check, "Backup", &json!({"ttl": "720h0m0s", "csiSnapshotTimeout": null})), "");
    }
}
