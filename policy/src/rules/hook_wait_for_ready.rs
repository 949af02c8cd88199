//! BKP125: Velero takes what is no truth value of Go's for false.

use super::{
    Cel, Check, Page, Rule, Violation,
    hook::{cel_is_run, run_in},
    volume_list::quoted,
};
use crate::{
    Facts, Fix, Operation, Severity,
    names::{EXEC_HOOKS, ExecHook},
    pod::Pod,
    vap::{CelCheck, Scope, literals, text_of},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP125",
    severity: Severity::Warn,
    title: "A restore hook's wait-for-ready is true or false",
    page: Page {
        why: "Velero reads wait-for-ready with Go's strconv.ParseBool and takes what it cannot read, as yes or on, \
              for false (internal/hook/item_hook_handler.go): the hook is run as soon as the container runs, ready \
              or not.",
        bad: include_str!("examples/BKP125.bad.yaml"),
        good: include_str!("examples/BKP125.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

/// What Go's strconv.ParseBool reads.
const TRUTH_VALUES: [&str; 12] = ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"];

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let explain = |hook: &ExecHook| {
        let key = hook.wait_for_ready?;
        let text = pod.annotation(key).filter(|text| !TRUTH_VALUES.contains(text))?;
        let path = pod.annotation_path(key);
        let meant = ["true", "false"].into_iter().find(|known| known.eq_ignore_ascii_case(text.trim()));
        let message = format!("Velero takes {} for false; write true or false", quoted(text));
        Some(Violation::at(path.clone(), message).fixed_by(meant.map(|meant| Fix::set(path, meant))))
    };
    run_in(pod).filter_map(explain).collect()
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let check = |hook: &ExecHook| {
        let key = hook.wait_for_ready?;
        let text = text_of(key);
        let expression = format!("!({}) || {text} == '' || {text} in {}", cel_is_run(hook), literals(TRUTH_VALUES));
        let check = CelCheck::new(
            scope.annotation_path(key),
            expression,
            "Velero takes this value for false; write true or false",
        );
        Some(check.saying(format!("'Velero takes \"' + {text} + '\" for false; write true or false'")))
    };
    EXEC_HOOKS.into_iter().filter_map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::POST_RESTORE;

    #[test]
    fn what_is_no_truth_value_of_gos_is_told() {
        let key = POST_RESTORE.wait_for_ready.expect("a restore hook can wait");
        let about = |text| said(super::check, &[(POST_RESTORE.command, "true"), (key, text)]);
        insta::assert_snapshot!(about("yes"), @r#"metadata.annotations[post.hook.restore.velero.io/wait-for-ready]: Velero takes "yes" for false; write true or false"#);
        assert_eq!((about("true"), about("F")), (String::new(), String::new()));
    }
}
