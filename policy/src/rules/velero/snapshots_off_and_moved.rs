//! BKP320: there is nothing to move where no snapshots are taken.

use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP320",
    severity: Severity::Warn,
    title: "Snapshots that are moved are taken",
    page: Page {
        why: "snapshotMoveData copies the data of CSI snapshots into the storage location. With snapshotVolumes: false \
              no snapshots are taken, and the volumes are not in the backup, unless a volume policy says otherwise: \
              nothing is said of a backup with a resourcePolicy.",
        bad: include_str!("../examples/BKP320.bad.yaml"),
        good: include_str!("../examples/BKP320.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let fields = ["snapshotMoveData", "snapshotVolumes", "resourcePolicy"];
    let Some(spec) = Spec::touched(subject, BACKUPS, &fields) else { return Ok(Vec::new()) };
    if spec.flag("snapshotMoveData") != Some(true) || spec.flag("snapshotVolumes") != Some(false) {
        return Ok(Vec::new());
    }
    if spec.get("resourcePolicy").is_some() {
        return Ok(Vec::new());
    }
    let message = "there is nothing to move: snapshotVolumes is false, so that no snapshots are taken, unless a \
                   volume policy says otherwise; leave one out";
    Ok(vec![Violation::at(spec.path("snapshotMoveData"), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn moving_no_snapshots_is_told() {
        let spec = json!({"snapshotMoveData": true, "snapshotVolumes": false});
        insta::assert_snapshot!(said(super::check, "Backup", &spec), @"spec.snapshotMoveData: there is nothing to move: snapshotVolumes is false, so that no snapshots are taken, unless a volume policy says otherwise; leave one out");
        let policy = json!({"snapshotMoveData": true, "snapshotVolumes": false, "resourcePolicy": {"kind": "configmap", "name": "volumes"}});
        assert_eq!(said(super::check, "Backup", &policy), "", "the volume policy decides");
        assert_eq!(said(super::check, "Backup", &json!({"snapshotMoveData": true})), "");
    }
}
