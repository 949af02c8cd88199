//! BKP116: a binding's annotations become the pod's, past every rule about pods.

use super::{Cel, Check, Page, Rule, Violation, volume_list::tell};
use crate::{Facts, FieldPath, Operation, Severity, pod::Pod, subject::Kind};

pub(super) const RULE: Rule = Rule {
    code: "BKP116",
    severity: Severity::Deny,
    title: "A Binding carries no annotations for Velero",
    page: Page {
        why: "When a scheduler binds a pod to a node, the API server adds the annotations of the Binding to those \
              of the pod (pkg/registry/core/pod/storage, setPodHostAndAnnotations), and asks no admission about \
              the pod. Annotations for Velero that came in this way were never compared with the pod's volumes and \
              containers.",
        bad: include_str!("examples/BKP116.bad.yaml"),
        good: include_str!("examples/BKP116.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::LeftOut("it is about Bindings, which only schedulers may write"),
};

const WHY: &str = "a Binding's annotations become the pod's without being compared with its volumes and containers; put \
                   them on the pod itself";

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let carried: Vec<_> = pod.misplaced.iter().filter(|_| pod.kind == Kind::Binding).collect();
    tell(&carried, |(holder, name)| Violation::at(FieldPath::of(holder).annotation((*name).to_owned()), WHY))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{names::BACKUP_VOLUMES, pod::Pod, subject::Kind};

    #[test]
    fn a_bindings_annotations_are_found_and_a_pods_are_not() {
        let object = json!({"metadata": {"annotations": {BACKUP_VOLUMES: "data", "example.org/x": "y"}}});
        let found = |kind| super::check(&Pod::within(kind, &object).expect("an object of interest"));
        let binding = found(Kind::Binding);
        assert_eq!(binding.len(), 1);
        assert_eq!(binding[0].path.to_string(), "metadata.annotations[backup.velero.io/backup-volumes]");
        assert_eq!((found(Kind::Pod), found(Kind::PersistentVolumeClaim)), (vec![], vec![]));
    }
}
