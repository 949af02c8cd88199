//! BKP123: Velero takes any other value than its two for Fail.

use super::{
    Cel, Check, Page, Rule, Violation,
    hook::{cel_is_run, run_in},
    volume_list::quoted,
};
use crate::{
    Facts, Fix, Operation, Severity,
    names::{EXEC_HOOKS, ExecHook},
    pod::Pod,
    vap::{CelCheck, Scope, text_of},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP123",
    severity: Severity::Warn,
    title: "A hook's on-error is Continue or Fail",
    page: Page {
        why: "Velero compares on-error with Continue and Fail, in this spelling, and takes every other value for \
              Fail (internal/hook/item_hook_handler.go). A hook that was to be optional then keeps the pod and its \
              volumes out of the backup whenever it fails.",
        bad: include_str!("examples/BKP123.bad.yaml"),
        good: include_str!("examples/BKP123.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

const MODES: [&str; 2] = ["Continue", "Fail"];

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let explain = |hook: &ExecHook| {
        let mode = pod.annotation(hook.on_error).filter(|mode| !MODES.contains(mode))?;
        let path = pod.annotation_path(hook.on_error);
        let meant = MODES.into_iter().find(|known| known.eq_ignore_ascii_case(mode.trim()));
        let message = format!("Velero takes {} for Fail; write Continue or Fail", quoted(mode));
        Some(Violation::at(path.clone(), message).fixed_by(meant.map(|meant| Fix::set(path, meant))))
    };
    run_in(pod).filter_map(explain).collect()
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let check = |hook: &ExecHook| {
        let mode = text_of(hook.on_error);
        let expression = format!("!({}) || {mode} in ['', 'Continue', 'Fail']", cel_is_run(hook));
        let message = "Velero takes this value for Fail; write Continue or Fail";
        CelCheck::new(scope.annotation_path(hook.on_error), expression, message)
            .saying(format!("'Velero takes \"' + {mode} + '\" for Fail; write Continue or Fail'"))
    };
    EXEC_HOOKS.into_iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::POST_BACKUP;

    #[test]
    fn any_other_spelling_is_told() {
        let about = |mode| said(super::check, &[(POST_BACKUP.command, "true"), (POST_BACKUP.on_error, mode)]);
        insta::assert_snapshot!(about("continue"), @r#"metadata.annotations[post.hook.backup.velero.io/on-error]: Velero takes "continue" for Fail; write Continue or Fail"#);
        assert_eq!((about("Continue"), about("Fail"), about("")), (String::new(), String::new(), String::new()));
    }
}
