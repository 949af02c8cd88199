//! BKP321: Velero begins what is new, and nothing that says it has begun.

use serde_json::Value;

use super::short;
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP321",
    severity: Severity::Deny,
    title: "What Velero shall begin has not begun",
    page: Page {
        why: "Backups, Restores and DeleteBackupRequests have no status of their own to Kubernetes: a manifest that was \
              read from a cluster brings its status along when it is created again. Velero takes up objects without a \
              phase, or in phase New. All others it leaves as they are: a backup that says Completed is never made, and \
              looks like one that was. Whoever has the right bypass on quotaledgers.kubectl-backup.dev, as cluster \
              administrators have, is warned of backups and restores and not refused: to bring a cluster's objects back as they were \
              is theirs.",
        bad: include_str!("../examples/BKP321.bad.yaml"),
        good: include_str!("../examples/BKP321.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let begins = matches!(subject.kind, Kind::Backup | Kind::Restore | Kind::DeleteBackupRequest);
    let path = FieldPath::of(&["status", "phase"]);
    let phase = path.find(subject.object).and_then(Value::as_str).unwrap_or_default();
    if !begins || subject.operation != Operation::Create || matches!(phase, "" | "New") {
        return Ok(Vec::new());
    }
    let message =
        format!("Velero takes up what is New, and leaves alone what is {}; leave the status out", short(phase));
    Ok(vec![Violation::at(path, message)])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::{said_of, told};
    use crate::{Facts, Kind, Subject};

    fn object(kind: &str, phase: &str) -> Value {
        json!({"apiVersion": "velero.io/v1", "kind": kind, "status": {"phase": phase}})
    }

    #[test]
    fn only_what_is_new_is_begun() {
        let said = |kind: &str, phase: &str| said_of(super::check, &object(kind, phase), &Facts::default());
        insta::assert_snapshot!(said("Backup", "Completed"), @r#"status.phase: Velero takes up what is New, and leaves alone what is "Completed"; leave the status out"#);
        assert_ne!(said("Restore", "Failed"), "");
        assert_ne!(said("DeleteBackupRequest", "Processed"), "");
        assert_eq!(said("Backup", "New"), "");
        assert_eq!(said("Schedule", "Enabled"), "", "of schedules Velero writes it anew");
        let (old, new) = (object("Backup", "New"), object("Backup", "Completed"));
        assert_eq!(told(super::check, &Subject::write(Kind::Backup, &new, Some(&old)), &Facts::default()), "");
    }
}
