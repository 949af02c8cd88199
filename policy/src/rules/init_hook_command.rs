//! BKP110: a restore of such a pod crashes Velero's server up to 1.18.2, and every start after it.

use super::{Check, Rule, Violation};
use crate::{
    Severity,
    names::{INIT_HOOK_COMMAND, INIT_HOOK_IMAGE},
    pod::Pod,
};

pub(super) const RULE: Rule = Rule {
    code: "BKP110",
    severity: Severity::Deny,
    title: "An init restore hook with an image has a command",
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let has = |name: &str| pod.annotations.get(name).is_some_and(|value| !value.is_empty());
    if !has(INIT_HOOK_IMAGE) || has(INIT_HOOK_COMMAND) {
        return Vec::new();
    }
    let image = pod.annotations.get(INIT_HOOK_IMAGE).copied().unwrap_or_default();
    vec![Violation {
        field: pod.annotation_path(INIT_HOOK_IMAGE),
        message: format!(
            "the init hook with image {image:?} has no command, and restoring this pod crashes Velero servers up to \
             1.18.2; add {INIT_HOOK_COMMAND}"
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::{INIT_HOOK_COMMAND, INIT_HOOK_IMAGE};

    #[test]
    fn an_image_needs_a_command() {
        insta::assert_snapshot!(said(super::check, &[(INIT_HOOK_IMAGE, "busybox")]), @r#"metadata.annotations[init.hook.restore.velero.io/container-image]: the init hook with image "busybox" has no command, and restoring this pod crashes Velero servers up to 1.18.2; add init.hook.restore.velero.io/command"#);
        insta::assert_snapshot!(said(super::check, &[(INIT_HOOK_IMAGE, "busybox"), (INIT_HOOK_COMMAND, "")]), @r#"metadata.annotations[init.hook.restore.velero.io/container-image]: the init hook with image "busybox" has no command, and restoring this pod crashes Velero servers up to 1.18.2; add init.hook.restore.velero.io/command"#);
        assert_eq!(said(super::check, &[(INIT_HOOK_IMAGE, "busybox"), (INIT_HOOK_COMMAND, "[\"true\"]")]), "");
        assert_eq!(said(super::check, &[(INIT_HOOK_COMMAND, "[\"true\"]")]), "");
    }
}
