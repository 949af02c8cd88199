//! BKP107: Velero reads the pod's annotations; those of the workload around it have no effect.

use super::{Cel, Check, Page, Rule, Violation};
use crate::{
    Facts, FieldPath, Operation, Severity, names,
    pod::Pod,
    subject::Kind,
    vap::{CelCheck, Scope, literals},
};

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
    cel: Cel::Pod(cel),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    if pod.kind == Kind::Binding {
        return Vec::new();
    }
    let useless =
        |(_, name): &&(_, &str)| !pod.annotations.contains_key(name) && names::for_authors().any(|it| it == *name);
    pod.misplaced.iter().filter(useless).map(|(holder, name)| explain(pod, holder, name)).collect()
}

fn explain(pod: &Pod<'_>, holder: &'static [&'static str], name: &str) -> Violation {
    let way_out = match pod.kind {
        Kind::PersistentVolumeClaim => {
            "put it on the pods that mount the claim, with the names that the pods give to their volumes".to_owned()
        }
        _ => format!("move it to {}", pod.annotation_path(name)),
    };
    let message = format!("Velero reads annotations of pods only, so that this one has no effect; {way_out}");
    Violation::at(FieldPath::of(holder).annotation(name.to_owned()), message)
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    // A pod's own annotations are where they belong.
    let known = literals(names::for_authors());
    let useless = format!("k, k in {known} && !(k in variables.annotations)");
    let outside: &[(&[_], &str)] = match scope.template {
        ["spec", "template"] => &[(&[], "variables.outer")],
        [] => &[],
        _ => &[(&[], "variables.outer"), (&["spec", "jobTemplate"], "variables.middle")],
    };
    let check = |(holder, keys): &(&[&'static str], &str)| {
        let path = FieldPath::of(holder).field("metadata").field("annotations");
        let home = FieldPath::of(scope.template).field("metadata").field("annotations");
        let why =
            format!("Velero reads annotations of pods only, so that those here have no effect; move them to {home}");
        CelCheck::new(path, format!("!{keys}.exists({useless})"), why.clone())
            .saying(format!("{keys}.filter({useless}).join(', ') + ': {why}'"))
    };
    outside.iter().map(check).collect()
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
