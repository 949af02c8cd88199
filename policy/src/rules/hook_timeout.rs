//! BKP124: Velero replaces a duration that it cannot read by its default.

use super::{
    Cel, Check, Page, Rule, Violation,
    hook::{cel_is_run, run_in},
    volume_list::quoted,
};
use crate::{
    Facts, Operation, Severity, go_duration,
    names::EXEC_HOOKS,
    pod::Pod,
    vap::{CelCheck, Scope, literal, text_of},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP124",
    severity: Severity::Warn,
    title: "A hook's timeouts are durations as Go writes them",
    page: Page {
        why: "A timeout that is no duration of Go's, as 30 or 5min, is replaced by the default with a line in the \
              log: 30 s for a command, no limit for the wait before a restore hook \
              (internal/hook/item_hook_handler.go). With a negative timeout a command may run for ever, and a \
              restore hook never begins.",
        bad: include_str!("examples/BKP124.bad.yaml"),
        good: include_str!("examples/BKP124.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

const DURATION: &str = r"^[+]?(0|(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$";

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let keys = run_in(pod).flat_map(|hook| hook.durations.iter().copied());
    let explain = |key: &'static str| {
        let text = pod.annotation(key)?;
        let wrong = match go_duration::parse(text) {
            None => {
                "is no duration that Velero can read, so that it takes its default; write a number with a unit, such as 90s \
                     or 5m"
            }
            Some(_) if text.starts_with('-') => {
                "is negative, so that a command may run for ever and a restore hook never begins; write a positive duration, such as 5m"
            }
            Some(_) => return None,
        };
        Some(Violation::at(pod.annotation_path(key), format!("{} {wrong}", quoted(text))))
    };
    keys.filter_map(explain).collect()
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let checks = EXEC_HOOKS.into_iter().flat_map(|hook| {
        hook.durations.iter().map(move |key| {
            let text = text_of(key);
            let expression =
                format!("!({}) || {text} == '' || {text}.matches({})", cel_is_run(hook), literal(DURATION));
            let why = "is no positive duration that Velero can read; write a number with a unit, such as 90s or 5m";
            CelCheck::new(scope.annotation_path(key), expression, format!("the value {why}"))
                .saying(format!("'\"' + {text} + '\" {why}'"))
        })
    });
    checks.collect()
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::POST_RESTORE;

    #[test]
    fn what_is_no_duration_of_gos_is_told() {
        let about = |key, text| said(super::check, &[(POST_RESTORE.command, "true"), (key, text)]);
        let [exec, wait] = *POST_RESTORE.durations else { panic!("two durations") };
        insta::assert_snapshot!(about(exec, "30"), @r#"metadata.annotations[post.hook.restore.velero.io/exec-timeout]: "30" is no duration that Velero can read, so that it takes its default; write a number with a unit, such as 90s or 5m"#);
        insta::assert_snapshot!(about(wait, "-5m"), @r#"metadata.annotations[post.hook.restore.velero.io/wait-timeout]: "-5m" is negative, so that a command may run for ever and a restore hook never begins; write a positive duration, such as 5m"#);
        assert_eq!((about(exec, "90s"), about(wait, "1h30m")), (String::new(), String::new()));
    }
}
