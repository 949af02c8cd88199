//! The annotations of hooks, as Velero reads them.

use crate::{
    names::{EXEC_HOOKS, ExecHook, INIT_HOOK_COMMAND, INIT_HOOK_IMAGE, OLD_PRE_BACKUP, PRE_BACKUP},
    pod::Pod,
    vap::text_of,
};

/// Whether a newer spelling of the same hook takes this one's place.
pub(super) fn is_shadowed(pod: &Pod<'_>, hook: &ExecHook) -> bool {
    *hook == OLD_PRE_BACKUP && pod.annotation(PRE_BACKUP.command).is_some()
}

/// The commands that Velero runs in the pod's containers.
pub(super) fn run_in(pod: &Pod<'_>) -> impl Iterator<Item = &'static ExecHook> {
    EXEC_HOOKS.into_iter().filter(|hook| pod.annotation(hook.command).is_some() && !is_shadowed(pod, hook))
}

/// The annotations whose text Velero runs: those of [`run_in`] and that of the init container.
pub(super) fn commands<'a>(pod: &Pod<'a>) -> impl Iterator<Item = (&'static str, &'a str)> {
    let init = pod.annotation(INIT_HOOK_IMAGE).map(|_| INIT_HOOK_COMMAND);
    let names = run_in(pod).map(|hook| hook.command).chain(init);
    names.filter_map(|name| Some((name, pod.annotation(name)?)))
}

/// In CEL: whether Velero runs this hook.
pub(super) fn cel_is_run(hook: &ExecHook) -> String {
    let there = format!("{} != ''", text_of(hook.command));
    if *hook == OLD_PRE_BACKUP { format!("({there} && {} == '')", text_of(PRE_BACKUP.command)) } else { there }
}
