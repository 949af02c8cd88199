//! BKP122: Velero runs a hook in a container that the pod has, or not at all.

use super::{
    Cel, Check, Page, Rule, Violation,
    hook::{cel_is_run, run_in},
    volume_list::{quoted, shown},
};
use crate::{
    Facts, Operation, Severity,
    names::{EXEC_HOOKS, ExecHook},
    pod::Pod,
    vap::{CelCheck, Scope, text_of},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP122",
    severity: Severity::Warn,
    title: "A hook names a container of the pod",
    page: Page {
        why: "A backup hook for a container that the pod does not have fails, and unless on-error is Continue the \
              pod and its volumes are missing from the backup (pkg/podexec/pod_command_executor.go). A restore \
              hook for such a container is dropped with a line in the log. Init containers do not count. It is a \
              warning only, as a container may still be added to the pod, by a service mesh for example.",
        bad: include_str!("examples/BKP122.bad.yaml"),
        good: include_str!("examples/BKP122.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let explain = |hook: &ExecHook| {
        let container = pod.annotation(hook.container)?;
        (!pod.containers.is_empty() && !pod.containers.contains(&container)).then(|| {
            let message = format!(
                "the pod has no container {}, so that the hook is not run; the pod's containers are {}",
                quoted(container),
                shown(&pod.containers)
            );
            Violation::at(pod.annotation_path(hook.container), message)
        })
    };
    run_in(pod).filter_map(explain).collect()
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let check = |hook: &ExecHook| {
        let container = text_of(hook.container);
        let expression = format!(
            "!({}) || {container} == '' || variables.containers.size() == 0 || variables.containers.exists(c, c.name == \
             {container})",
            cel_is_run(hook)
        );
        let message = "the pod has no such container, so that the hook is not run; name one of spec.containers";
        CelCheck::new(scope.annotation_path(hook.container), expression, message).saying(format!(
            "'the pod has no container ' + {container} + ', so that the hook is not run; the pod\\'s containers are ' + \
             variables.containers.map(c, c.name).join(', ')"
        ))
    };
    EXEC_HOOKS.into_iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::PRE_BACKUP;

    #[test]
    fn only_a_container_that_runs_with_the_pod_will_do() {
        let about = |container| said(super::check, &[(PRE_BACKUP.command, "true"), (PRE_BACKUP.container, container)]);
        insta::assert_snapshot!(about("wbe"), @r#"metadata.annotations[pre.hook.backup.velero.io/container]: the pod has no container "wbe", so that the hook is not run; the pod's containers are web"#);
        assert!(!about("first").is_empty(), "an init container");
        assert_eq!(about("web"), "");
    }
}
