//! BKP319: copies of volumes are made by Velero's agent on the nodes.

use super::later;
use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Spec, VeleroFacts},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP319",
    severity: Severity::Deny,
    title: "What copies volumes has its node agent",
    page: Page {
        why: "Data of volumes is moved (snapshotMoveData) and copied (defaultVolumesToFsBackup) by Velero's node agent. \
              Without it, Velero up to 1.18 waits for a data movement until itemOperationTimeout, four hours, and then \
              fails; copies fail at once. For a schedule only the time of its runs counts.",
        bad: include_str!("../examples/BKP319.bad.yaml"),
        good: include_str!("../examples/BKP319.good.yaml"),
        operation: Operation::Create,
        facts: &["whether the node agent is installed"],
        given: without_agent,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let fields = ["snapshotMoveData", "defaultVolumesToFsBackup", "datamover"];
    let Some(spec) = Spec::touched(subject, BACKUPS, &fields) else { return Ok(Vec::new()) };
    // Another data mover than Velero's own brings its own agents.
    let own_mover = spec.text("datamover").is_none_or(|mover| mover.starts_with("velero"));
    let moves = spec.flag("snapshotMoveData") == Some(true) && own_mover;
    let copies = spec.flag("defaultVolumesToFsBackup") == Some(true);
    let field = match (moves, copies) {
        (true, _) => "snapshotMoveData",
        (false, true) => "defaultVolumesToFsBackup",
        (false, false) => return Ok(Vec::new()),
    };
    if facts.velero.node_agent.ok_or(Missing("whether the node agent is installed"))? {
        return Ok(Vec::new());
    }
    let message = "needs Velero's node agent, and this namespace has no DaemonSet node-agent; install Velero with \
                   --use-node-agent";
    Ok(vec![later(&spec, Violation::at(spec.path(field), message))])
}

fn without_agent() -> Facts {
    Facts { velero: VeleroFacts { node_agent: Some(false), ..VeleroFacts::default() }, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;

    #[test]
    fn without_the_agent_nothing_is_copied() {
        let said = |spec: serde_json::Value| said_with(super::check, "Backup", &spec, &super::without_agent());
        insta::assert_snapshot!(said(json!({"snapshotMoveData": true})), @"spec.snapshotMoveData: needs Velero's node agent, and this namespace has no DaemonSet node-agent; install Velero with --use-node-agent");
        assert_ne!(said(json!({"defaultVolumesToFsBackup": true})), "");
        assert_eq!(said(json!({"snapshotMoveData": true, "datamover": "other"})), "");
        assert_eq!(said(json!({})), "");
    }
}
