//! BKP110: Velero, up to at least 1.18.3, does not restore such a pod: its plugin fails on the missing command.

use super::{Cel, Check, Page, Rule, Violation, volume_list::quoted};
use crate::{
    Facts, Operation, Severity,
    names::{INIT_HOOK_COMMAND, INIT_HOOK_IMAGE},
    pod::Pod,
    vap::{CelCheck, Scope, text_of},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP110",
    severity: Severity::Deny,
    title: "An init restore hook with an image has a command",
    page: Page {
        why: "When a pod is restored, Velero's plugin makes the init container of this hook from its image and its \
              command (internal/hook/item_hook_handler.go). Without a command the plugin panics, in releases up to at \
              least 1.18.3, and the pod is not restored.",
        bad: include_str!("examples/BKP110.bad.yaml"),
        good: include_str!("examples/BKP110.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let (Some(image), None) = (pod.annotation(INIT_HOOK_IMAGE), pod.annotation(INIT_HOOK_COMMAND)) else {
        return Vec::new();
    };
    vec![Violation::at(
        pod.annotation_path(INIT_HOOK_IMAGE),
        format!(
            "the init hook with image {} has no command, so that a restore leaves this pod out (Velero up to at least \
             1.18.3); add {INIT_HOOK_COMMAND}",
            quoted(image)
        ),
    )]
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let expression = format!("{} == '' || {} != ''", text_of(INIT_HOOK_IMAGE), text_of(INIT_HOOK_COMMAND));
    let message = format!(
        "the init hook has no command, so that a restore leaves this pod out (Velero up to at least 1.18.3); add \
         {INIT_HOOK_COMMAND}"
    );
    vec![CelCheck::new(scope.annotation_path(INIT_HOOK_IMAGE), expression, message)]
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::{INIT_HOOK_COMMAND, INIT_HOOK_IMAGE};

    #[test]
    fn an_image_needs_a_command() {
        insta::assert_snapshot!(said(super::check, &[(INIT_HOOK_IMAGE, "busybox")]), @r#"metadata.annotations[init.hook.restore.velero.io/container-image]: the init hook with image "busybox" has no command, so that a restore leaves this pod out (Velero up to at least 1.18.3); add init.hook.restore.velero.io/command"#);
        insta::assert_snapshot!(said(super::check, &[(INIT_HOOK_IMAGE, "busybox"), (INIT_HOOK_COMMAND, "")]), @r#"metadata.annotations[init.hook.restore.velero.io/container-image]: the init hook with image "busybox" has no command, so that a restore leaves this pod out (Velero up to at least 1.18.3); add init.hook.restore.velero.io/command"#);
        assert_eq!(said(super::check, &[(INIT_HOOK_IMAGE, "busybox"), (INIT_HOOK_COMMAND, "[\"true\"]")]), "");
        assert_eq!(said(super::check, &[(INIT_HOOK_COMMAND, "[\"true\"]")]), "");
        let long = said(super::check, &[(INIT_HOOK_IMAGE, &"x".repeat(200_000))]);
        assert!(long.len() < 2000, "an answer does not grow with the question");
    }
}
