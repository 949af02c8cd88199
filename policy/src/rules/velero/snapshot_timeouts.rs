//! BKP324: Velero waits for a snapshot to be ready as long as for any operation, whatever the time for snapshots is.

use serde_json::Value;

use super::short;
use crate::{
    Config, Facts, Operation, Severity, Subject, go_duration,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP324",
    severity: Severity::Warn,
    title: "A CSI snapshot is given no more time than its operation",
    page: Page {
        why: "spec.csiSnapshotTimeout is how long Velero waits until a driver has begun a snapshot. Until the snapshot is \
              ready, and its data moved, spec.itemOperationTimeout counts (backup_operations_controller.go). Whoever gives \
              a slow driver hours in the first and less in the second gets a backup that is PartiallyFailed after the \
              second. What is left open comes from Velero's server and is not compared.",
        bad: include_str!("../examples/BKP324.bad.yaml"),
        good: include_str!("../examples/BKP324.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let (snapshot, operation) = ("csiSnapshotTimeout", "itemOperationTimeout");
    let Some(spec) = Spec::touched(subject, BACKUPS, &[snapshot, operation]) else { return Ok(Vec::new()) };
    // Zero is what a server fills in.
    let given = |field: &str| {
        let text = spec.get(field).and_then(Value::as_str)?;
        Some((text, go_duration::parse(text).filter(|time| *time > 0)?))
    };
    let (Some((text, waits)), Some((whole, ends))) = (given(snapshot), given(operation)) else { return Ok(Vec::new()) };
    if waits <= ends {
        return Ok(Vec::new());
    }
    let message = format!(
        "{} is longer than spec.itemOperationTimeout, {}, which is all the time that a snapshot has to become ready; make that \
         one as long, or this one shorter",
        short(text),
        short(whole)
    );
    Ok(vec![Violation::at(spec.path(snapshot), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn a_snapshot_has_no_more_time_than_its_operation() {
        let about = |waits: &str, ends: &str| {
            said(super::check, "Backup", &json!({"csiSnapshotTimeout": waits, "itemOperationTimeout": ends}))
        };
        insta::assert_snapshot!(about("2h", "90m"), @r#"spec.csiSnapshotTimeout: "2h" is longer than spec.itemOperationTimeout, "90m", which is all the time that a snapshot has to become ready; make that one as long, or this one shorter"#);
        assert_eq!(about("90m", "1h30m"), "");
        assert_eq!(about("2h", "0s"), "", "the server's own");
        assert_eq!(about("2h", "soon"), "", "another rule's matter");
        assert_eq!(said(super::check, "Backup", &json!({"csiSnapshotTimeout": "99h"})), "");
        let schedule = json!({"template": {"csiSnapshotTimeout": "2h", "itemOperationTimeout": "1h"}});
        assert_ne!(said(super::check, "Schedule", &schedule), "");
    }
}
