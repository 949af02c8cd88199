//! The report for programs.

use serde_json::{Value, json};

use super::{object::Name, report::Report};
use backup_policy::Severity;

/// Returns the report as one value; its fields are part of the command line's contract.
pub fn value(report: &Report) -> Value {
    let findings = report.findings.iter().map(|found| {
        let mut finding = json!({
            "code": found.code,
            "severity": found.severity.name(),
            "message": found.message,
            "field": found.field,
            "object": found.object.as_ref().map(object),
            "fixable": found.fix.is_some(),
        });
        if let (Some((source, start, end)), Some(fields)) = (report.place(found), finding.as_object_mut()) {
            fields.insert("file".to_owned(), json!(source.name));
            fields.insert("start".to_owned(), json!({"line": start.line, "column": start.column}));
            fields.insert("end".to_owned(), json!({"line": end.line, "column": end.column}));
        }
        finding
    });
    let not_evaluated = report
        .not_evaluated
        .iter()
        .map(|skipped| json!({"code": skipped.code, "missing": skipped.missing, "object": object(&skipped.object)}));
    json!({
        "findings": findings.collect::<Vec<_>>(),
        "notEvaluated": not_evaluated.collect::<Vec<_>>(),
        "summary": {
            "judged": report.judged,
            "passedOver": report.passed_over,
            "deny": report.count(Severity::Deny),
            "warn": report.count(Severity::Warn),
            "audit": report.count(Severity::Audit),
        },
    })
}

fn object(name: &Name) -> Value {
    json!({"kind": name.kind, "group": name.group, "namespace": name.namespace, "name": name.name})
}
