//! BKP126: the name of a restore's init container must be one that the pod can still take.

use super::{Cel, Check, Page, Rule, Violation, volume_list::quoted};
use crate::{
    Facts, Operation, Severity,
    names::{INIT_HOOK_IMAGE, INIT_HOOK_NAME},
    pod::Pod,
    vap::{CelCheck, Scope, text_of},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP126",
    severity: Severity::Deny,
    title: "An init restore hook's container has a name that is free",
    page: Page {
        why: "A restore puts the init container of this hook before those of the pod. When its name is none that \
              Kubernetes allows, or one that a container of the pod has already, the API server refuses the \
              restored pod. The name restore-wait is that of the container that Velero itself adds for volumes.",
        bad: include_str!("examples/BKP126.bad.yaml"),
        good: include_str!("examples/BKP126.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

/// What Velero calls the container that waits for the volumes.
const OF_VELERO: &str = "restore-wait";

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let (Some(_), Some(name)) = (pod.annotation(INIT_HOOK_IMAGE), pod.annotation(INIT_HOOK_NAME)) else {
        return Vec::new();
    };
    let wrong = if !is_label(name) {
        "is no name for a container, so that the restored pod would be refused; use at most 63 lower-case letters, digits \
         and hyphens"
    } else if name == OF_VELERO || pod.containers.contains(&name) || pod.init_containers.contains(&name) {
        "is the name of another container, so that the restored pod would be refused; choose another name"
    } else {
        return Vec::new();
    };
    vec![Violation::at(pod.annotation_path(INIT_HOOK_NAME), format!("{} {wrong}", quoted(name)))]
}

fn is_label(name: &str) -> bool {
    let within = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    name.len() <= 63
        && name.chars().all(|char| within(char) || char == '-')
        && name.starts_with(within)
        && name.ends_with(within)
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let (image, name) = (text_of(INIT_HOOK_IMAGE), text_of(INIT_HOOK_NAME));
    let expression = format!(
        "{image} == '' || {name} == '' || {name}.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && {name}.size() <= 63 && {name} \
         != '{OF_VELERO}' && !variables.containers.exists(c, c.name == {name}) && !variables.initContainers.exists(c, c.name \
         == {name})"
    );
    let message = "the name is none that Kubernetes allows, or that of another container, so that the restored pod would be \
                   refused; choose another name";
    vec![CelCheck::new(scope.annotation_path(INIT_HOOK_NAME), expression, message)]
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::{INIT_HOOK_IMAGE, INIT_HOOK_NAME};

    #[test]
    fn a_name_that_is_taken_or_none_is_found() {
        let about = |name| said(super::check, &[(INIT_HOOK_IMAGE, "busybox"), (INIT_HOOK_NAME, name)]);
        insta::assert_snapshot!(about("web"), @r#"metadata.annotations[init.hook.restore.velero.io/container-name]: "web" is the name of another container, so that the restored pod would be refused; choose another name"#);
        insta::assert_snapshot!(about("Fix_Rights"), @r#"metadata.annotations[init.hook.restore.velero.io/container-name]: "Fix_Rights" is no name for a container, so that the restored pod would be refused; use at most 63 lower-case letters, digits and hyphens"#);
        assert!(!about("first").is_empty() && !about("restore-wait").is_empty() && !about("-a").is_empty());
        assert_eq!(about("fix-rights"), "");
        assert_eq!(said(super::check, &[(INIT_HOOK_NAME, "web")]), "", "no image, no hook");
    }
}
