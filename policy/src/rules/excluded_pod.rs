//! BKP114: what Velero leaves out of the backup has no volumes for it.

use super::{Cel, Check, Page, Rule, Violation, volume_list::VolumeList};
use crate::{
    Facts, FieldPath, Operation, Severity,
    names::{BACKUP_VOLUMES, VELERO_EXCLUDE},
    pod::Pod,
    vap::{CelCheck, INCLUDED, Scope, literal},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP114",
    severity: Severity::Deny,
    title: "A pod whose volumes are to be backed up is not excluded from backups",
    page: Page {
        why: "Velero leaves every object with the label velero.io/exclude-from-backup=true out of its backups \
              (pkg/backup/item_backupper.go), and it finds the volumes to copy by way of the pods in the backup. A \
              pod with the label and a list of volumes contradicts itself, and the volumes of the list are not \
              backed up.",
        bad: include_str!("examples/BKP114.bad.yaml"),
        good: include_str!("examples/BKP114.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let list = VolumeList::named(pod, BACKUP_VOLUMES).filter(|_| pod.excluded);
    list.map(|_| Violation::at(label_path(pod.template), why())).into_iter().collect()
}

fn label_path(template: &'static [&'static str]) -> FieldPath {
    FieldPath::of(template).label(VELERO_EXCLUDE)
}

fn why() -> String {
    format!(
        "the label takes the pod out of every backup, and with it the volumes that {BACKUP_VOLUMES} names; remove the label \
         or the annotation"
    )
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let label = literal(VELERO_EXCLUDE);
    let kept =
        format!("{} == '' || {} || variables.labels[?{label}].orValue('') != 'true'", INCLUDED.text, INCLUDED.too_long);
    vec![CelCheck::new(label_path(scope.template), kept, why())]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::volume_list::fixture::pod;
    use crate::{
        names::{BACKUP_VOLUMES, VELERO_EXCLUDE},
        pod::Pod,
        subject::Kind,
    };

    #[test]
    fn only_the_value_true_excludes() {
        let found = |value: &str, annotations: &[(&str, &str)]| {
            let mut object = pod(annotations);
            object["metadata"]["labels"] = json!({VELERO_EXCLUDE: value});
            super::check(&Pod::within(Kind::Pod, &object).expect("a pod")).len()
        };
        assert_eq!(found("true", &[(BACKUP_VOLUMES, "data")]), 1);
        assert_eq!(found("false", &[(BACKUP_VOLUMES, "data")]), 0);
        assert_eq!(found("true", &[]), 0);
    }
}
