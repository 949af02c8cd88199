//! BKP319: copies of volumes are made by Velero's agent on the nodes.

use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Spec, VeleroFacts},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP319",
    severity: Severity::Warn,
    title: "What copies volumes has its node agent",
    page: Page {
        why: "Data of volumes is moved (snapshotMoveData) and copied (defaultVolumesToFsBackup) by Velero's node agent. \
              Without a ready one Velero makes the backup all the same and fails at each PVC: Velero 1.18.3 does so at \
              once, and the backup is PartiallyFailed, without the data of its volumes. As an agent may be \
              ready a moment later, the author is told and not refused.",
        bad: include_str!("../examples/BKP319.bad.yaml"),
        good: include_str!("../examples/BKP319.good.yaml"),
        operation: Operation::Create,
        facts: &[AGENT],
        given: without_agent,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

const AGENT: &str = "whether the node agent is ready";

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let fields = ["snapshotMoveData", "defaultVolumesToFsBackup", "datamover"];
    let Some(spec) = Spec::touched(subject, BACKUPS, &fields) else { return Ok(Vec::new()) };
    // Another data mover than Velero's own brings its own agents.
    let own_mover = spec.text("datamover").is_none_or(|mover| mover == "velero");
    let moves = spec.flag("snapshotMoveData") == Some(true) && own_mover;
    let copies = spec.flag("defaultVolumesToFsBackup") == Some(true);
    let field = match (moves, copies) {
        (true, _) => "snapshotMoveData",
        (false, true) => "defaultVolumesToFsBackup",
        (false, false) => return Ok(Vec::new()),
    };
    if facts.velero.node_agent.ok_or(Missing(AGENT))? {
        return Ok(Vec::new());
    }
    let message = "needs Velero's node agent, and no DaemonSet node-agent or node-agent-windows of this namespace has a \
                   ready pod; install Velero with --use-node-agent, or see why its pods are not ready";
    Ok(vec![Violation::at(spec.path(field), message)])
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
        insta::assert_snapshot!(said(json!({"snapshotMoveData": true})), @"spec.snapshotMoveData: needs Velero's node agent, and no DaemonSet node-agent or node-agent-windows of this namespace has a ready pod; install Velero with --use-node-agent, or see why its pods are not ready");
        assert_ne!(said(json!({"defaultVolumesToFsBackup": true})), "");
        for own in ["", "velero"] {
            assert_ne!(said(json!({"snapshotMoveData": true, "datamover": own})), "", "{own:?} is the built-in mover");
        }
        for other in ["other", "velero-plus"] {
            assert_eq!(said(json!({"snapshotMoveData": true, "datamover": other})), "", "{other} has its own agents");
        }
        assert_eq!(said(json!({})), "");
    }
}
