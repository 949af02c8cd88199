//! BKP107: Velero reads the pod's annotations; those of the workload around it have no effect.

use super::{Cel, Check, Page, Rule, Violation};
use crate::{Facts, FieldPath, Operation, Severity, pod::Pod};

pub(super) const RULE: Rule = Rule {
    code: "BKP107",
    severity: Severity::Warn,
    title: "Annotations for Velero stand in the pod template",
    page: Page {
        why: "Velero reads these annotations from pods and from nothing else. A Deployment hands the annotations \
              of its template on to its pods, not its own, so that those have no effect and the volumes are not \
              backed up.",
        bad: include_str!("examples/BKP107.bad.yaml"),
        good: include_str!("examples/BKP107.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::LeftOut("not yet written"),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let useless = pod.misplaced.iter().filter(|(_, name)| !pod.annotations.contains_key(name));
    useless
        .map(|(holder, name)| {
            let message = format!(
                "Velero reads annotations of pods only, so that this one has no effect; move it to {}",
                pod.annotation_path(name)
            );
            Violation::at(FieldPath::of(holder).annotation(*name), message)
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
        check(&pod).into_iter().map(|it| format!("{}: {}", it.path, it.message)).collect()
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
