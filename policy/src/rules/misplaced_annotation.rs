//! BKP107: Velero reads the pod's annotations; those of the workload around it have no effect.

use super::{Check, Rule, Violation};
use crate::{
    Severity,
    pod::{Pod, annotation_path},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP107",
    severity: Severity::Warn,
    title: "Annotations for Velero stand in the pod template",
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let useless = pod.misplaced.iter().filter(|(_, name)| !pod.annotations.contains_key(name));
    useless
        .map(|(holder, name)| Violation {
            harmless: false,
            field: annotation_path(holder, name),
            message: format!(
                "Velero reads annotations of pods only, so that this one has no effect; move it to {}",
                pod.annotation_path(name)
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check;
    use crate::{names::BACKUP_VOLUMES, pod::Pod, subject::Kind};

    fn said(object: &Value) -> Vec<String> {
        let pod = Pod::within(Kind::Deployment, object).expect("a pod");
        check(&pod).into_iter().map(|it| format!("{}: {}", it.field, it.message)).collect()
    }

    #[test]
    fn an_annotation_on_the_workload_is_sent_to_the_template() {
        let annotated = json!({"annotations": {BACKUP_VOLUMES: "data"}});
        let object = json!({"metadata": annotated, "spec": {"template": {"metadata": {}}}});
        insta::assert_snapshot!(said(&object).join("\n"), @"metadata.annotations[backup.velero.io/backup-volumes]: Velero reads annotations of pods only, so that this one has no effect; move it to spec.template.metadata.annotations[backup.velero.io/backup-volumes]");
        let both = json!({"metadata": annotated, "spec": {"template": {"metadata": annotated}}});
        assert_eq!(said(&both), [] as [String; 0]);
    }
}
