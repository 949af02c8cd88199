//! BKP120: a hook without a command is none, and what else is said of it is not read.

use super::{Cel, Check, Page, Rule, Violation, hook::is_shadowed};
use crate::{
    Facts, Fix, Operation, Severity,
    names::{
        EXEC_HOOKS, ExecHook, INIT_HOOK_COMMAND, INIT_HOOK_IMAGE, INIT_HOOK_NAME, INIT_HOOK_TIMEOUT, OLD_PRE_BACKUP,
        PRE_BACKUP,
    },
    pod::Pod,
    vap::{CelCheck, Scope, text_of},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP120",
    severity: Severity::Warn,
    title: "A hook's settings stand beside a command that Velero runs",
    page: Page {
        why: "Velero takes a hook from a pod's annotations only when its command is there, or its image for an \
              init hook (internal/hook/item_hook_handler.go). A container, a timeout or an on-error without it is \
              ignored without a word, and so is the older hook.backup.velero.io/command where \
              pre.hook.backup.velero.io/command stands as well. The timeout of the init hook is documented, and no \
              release up to at least 1.18.3 reads it.",
        bad: include_str!("examples/BKP120.bad.yaml"),
        good: include_str!("examples/BKP120.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

const UNREAD: &str = "Velero, up to at least 1.18.3, does not read this annotation; remove it";

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let exec = EXEC_HOOKS.into_iter().filter_map(|hook| ignored(pod, hook));
    exec.chain(ignored_init(pod)).chain(unread(pod)).collect()
}

fn ignored(pod: &Pod<'_>, hook: &ExecHook) -> Option<Violation> {
    if is_shadowed(pod, hook) {
        let at = hook.keys().find(|key| pod.annotation(key).is_some())?;
        return Some(Violation::at(pod.annotation_path(at), shadowed()));
    }
    if pod.annotation(hook.command).is_some() {
        return None;
    }
    let at = hook.settings().find(|key| pod.annotation(key).is_some())?;
    Some(Violation::at(pod.annotation_path(at), without(hook.command)))
}

fn ignored_init(pod: &Pod<'_>) -> Option<Violation> {
    if pod.annotation(INIT_HOOK_IMAGE).is_some() {
        return None;
    }
    let at = [INIT_HOOK_COMMAND, INIT_HOOK_NAME].into_iter().find(|key| pod.annotation(key).is_some())?;
    Some(Violation::at(pod.annotation_path(at), without(INIT_HOOK_IMAGE)))
}

fn unread(pod: &Pod<'_>) -> Option<Violation> {
    let path = pod.annotation(INIT_HOOK_TIMEOUT).map(|_| pod.annotation_path(INIT_HOOK_TIMEOUT))?;
    let fix = (!pod.has_elsewhere(INIT_HOOK_TIMEOUT)).then(|| Fix::remove(path.clone()));
    Some(Violation::at(path, UNREAD).fixed_by(fix))
}

fn without(key: &str) -> String {
    format!("Velero ignores this hook, as it has no {key}; add that, or remove the hook")
}

fn shadowed() -> String {
    format!("Velero ignores this hook, as {} takes its place; remove one of the two", PRE_BACKUP.command)
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let none_of = |keys: &mut dyn Iterator<Item = &'static str>| {
        keys.map(|key| format!("{} == ''", text_of(key))).collect::<Vec<_>>().join(" && ")
    };
    let check = |at, expression, message| CelCheck::new(scope.annotation_path(at), expression, message);
    let mut checks: Vec<_> = EXEC_HOOKS
        .into_iter()
        .map(|hook| {
            let no_settings = none_of(&mut hook.settings());
            let replaced = format!("{} == ''", text_of(PRE_BACKUP.command));
            let command = text_of(hook.command);
            let kept = if *hook == OLD_PRE_BACKUP {
                // Where the newer command stands, the next check speaks.
                format!("!({replaced}) || {command} != '' || ({no_settings})")
            } else {
                format!("{command} != '' || ({no_settings})")
            };
            check(hook.command, kept, without(hook.command))
        })
        .collect();
    let none_old = none_of(&mut OLD_PRE_BACKUP.keys());
    checks.push(check(
        OLD_PRE_BACKUP.command,
        format!("{} == '' || ({none_old})", text_of(PRE_BACKUP.command)),
        shadowed(),
    ));
    let no_init = none_of(&mut [INIT_HOOK_COMMAND, INIT_HOOK_NAME].into_iter());
    checks.push(check(
        INIT_HOOK_COMMAND,
        format!("{} != '' || ({no_init})", text_of(INIT_HOOK_IMAGE)),
        without(INIT_HOOK_IMAGE),
    ));
    checks.push(check(INIT_HOOK_TIMEOUT, format!("{} == ''", text_of(INIT_HOOK_TIMEOUT)), UNREAD.to_owned()));
    checks
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::{INIT_HOOK_COMMAND, INIT_HOOK_TIMEOUT, OLD_PRE_BACKUP, PRE_BACKUP};

    #[test]
    fn settings_without_a_command_are_told() {
        insta::assert_snapshot!(said(super::check, &[(PRE_BACKUP.container, "web"), (PRE_BACKUP.on_error, "Fail")]), @r#"metadata.annotations[pre.hook.backup.velero.io/container]: Velero ignores this hook, as it has no pre.hook.backup.velero.io/command; add that, or remove the hook"#);
        insta::assert_snapshot!(said(super::check, &[(INIT_HOOK_COMMAND, "true"), (INIT_HOOK_TIMEOUT, "1m")]), @r#"metadata.annotations[init.hook.restore.velero.io/command]: Velero ignores this hook, as it has no init.hook.restore.velero.io/container-image; add that, or remove the hook
metadata.annotations[init.hook.restore.velero.io/timeout]: Velero, up to at least 1.18.3, does not read this annotation; remove it"#);
        assert_eq!(said(super::check, &[(PRE_BACKUP.container, "web"), (PRE_BACKUP.command, "true")]), "");
    }

    #[test]
    fn the_older_spelling_beside_the_newer_is_told() {
        insta::assert_snapshot!(said(super::check, &[(PRE_BACKUP.command, "true"), (OLD_PRE_BACKUP.command, "true")]), @r#"metadata.annotations[hook.backup.velero.io/command]: Velero ignores this hook, as pre.hook.backup.velero.io/command takes its place; remove one of the two"#);
        assert_eq!(said(super::check, &[(OLD_PRE_BACKUP.command, "true")]), "");
    }
}
