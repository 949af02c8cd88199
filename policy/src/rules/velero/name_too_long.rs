//! BKP313: Velero writes names into labels, which hold 63 characters.

use serde_json::Value;

use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP313",
    severity: Severity::Deny,
    title: "Names fit into Velero's labels",
    page: Page {
        why: "Each backup of a schedule carries the schedule's name in the label velero.io/schedule-name, uncut \
              (pkg/builder/backup_builder.go): with a name of over 63 characters the API server refuses every one of \
              them. A backup's own name goes uncut into a label of each PVC with a CSI snapshot (pvc_action.go), so \
              that a name of over 63 characters fails those volumes; a schedule's backups are named after it with 15 \
              characters more.",
        bad: include_str!("../examples/BKP313.bad.yaml"),
        good: include_str!("../examples/BKP313.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

/// Longest value of a label.
const LABEL: usize = 63;
/// What Velero puts behind a schedule's name for each backup: a hyphen and the time.
const STAMP: usize = 15;

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    if subject.operation != Operation::Create || subject.is_terminating() {
        return Ok(Vec::new());
    }
    let name = subject.object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let length = name.len();
    let found = |message: String| Violation::at(FieldPath::of(&["metadata", "name"]), message);
    let found = match subject.kind {
        Kind::Schedule if length > LABEL => found(format!(
            "has {length} characters, and Velero's label for it holds {LABEL}: no backup of this schedule could be made; \
             take up to {} characters",
            LABEL - STAMP
        )),
        Kind::Schedule if length + STAMP > LABEL => found(format!(
            "has {length} characters, and with the {STAMP} of the time its backups' names do not fit into a label: \
             volumes with CSI snapshots would fail; take up to {} characters",
            LABEL - STAMP
        ))
        .harmless(),
        Kind::Backup if length > LABEL => found(format!(
            "has {length} characters, and Velero's label for it holds {LABEL}: volumes with CSI snapshots would fail; \
             take a shorter name"
        ))
        .harmless(),
        _ => return Ok(Vec::new()),
    };
    Ok(vec![found])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_of;
    use crate::Facts;

    #[test]
    fn a_schedules_name_leaves_room_for_the_time() {
        let said = |kind: &str, length: usize| {
            let object = json!({"apiVersion": "velero.io/v1", "kind": kind, "metadata": {"name": "a".repeat(length)}});
            said_of(super::check, &object, &Facts::default())
        };
        insta::assert_snapshot!(said("Schedule", 64), @"metadata.name: has 64 characters, and Velero's label for it holds 63: no backup of this schedule could be made; take up to 48 characters");
        insta::assert_snapshot!(said("Schedule", 49), @"metadata.name: has 49 characters, and with the 15 of the time its backups' names do not fit into a label: volumes with CSI snapshots would fail; take up to 48 characters (harmless)");
        assert_eq!(said("Schedule", 48), "");
        insta::assert_snapshot!(said("Backup", 64), @"metadata.name: has 64 characters, and Velero's label for it holds 63: volumes with CSI snapshots would fail; take a shorter name (harmless)");
        assert_eq!(said("Backup", 63), "");
        assert_eq!(said("Restore", 200), "");
    }
}
