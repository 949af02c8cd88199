//! The report as SARIF 2.1.0, which code hosts show beside the lines of a change.

use std::collections::BTreeSet;

use backup_policy::{Severity, rules};
use serde_json::{Value, json};

use super::{
    check,
    report::{Found, Report},
};

/// Returns the log of one run.
pub fn value(report: &Report, version: &str) -> Value {
    let codes: BTreeSet<_> =
        report.findings.iter().map(|found| found.code).chain(report.not_evaluated.iter().map(|it| it.code)).collect();
    let codes: Vec<_> = codes.into_iter().collect();
    let results: Vec<_> = report.findings.iter().map(|found| result(report, found, &codes)).collect();
    let notifications: Vec<_> = report
        .not_evaluated
        .iter()
        .map(|skipped| {
            json!({
                "level": "note",
                "message": {"text": format!("{} was not evaluated for {}: {} not known", skipped.code, skipped.object, skipped.missing)},
                "associatedRule": {"id": skipped.code},
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "kubectl-backup",
                "semanticVersion": version,
                "informationUri": "https://kubectl-backup.dev",
                "rules": codes.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notifications}],
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Value {
    let help = format!("kubectl backup explain {code}");
    match rules::by_code(code) {
        Some(rule) => json!({
            "id": code,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.page.why},
            "help": {"text": help},
            "defaultConfiguration": {"level": level(rule.severity)},
        }),
        None => json!({"id": code, "shortDescription": {"text": check::title(code)}, "help": {"text": help}}),
    }
}

fn result(report: &Report, found: &Found, codes: &[&str]) -> Value {
    let mut location = json!({});
    if let (Some((source, start, end)), Some(fields)) = (report.place(found), location.as_object_mut()) {
        let physical = json!({
            "artifactLocation": {"uri": uri(&source.name)},
            "region": {"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column},
        });
        fields.insert("physicalLocation".to_owned(), physical);
    }
    if let (Some(name), Some(fields)) = (&found.object, location.as_object_mut()) {
        let logical = json!([{"fullyQualifiedName": format!("{name} {}", found.field), "kind": "resource"}]);
        fields.insert("logicalLocations".to_owned(), logical);
    }
    json!({
        "ruleId": found.code,
        "ruleIndex": codes.iter().position(|code| *code == found.code),
        "level": level(found.severity),
        "message": {"text": found.message},
        "locations": [location],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Deny => "error",
        Severity::Warn => "warning",
        Severity::Audit => "note",
        Severity::Off => "none",
    }
}

/// A path as a reference of RFC 3986, relative to where the command was run.
fn uri(name: &str) -> String {
    let relative = name.strip_prefix("./").unwrap_or(name);
    let relative = relative.trim_matches(['<', '>']);
    let mut uri = if relative.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in relative.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use backup_policy::{Config, Facts};

    use super::*;
    use crate::lint::source::Source;

    fn log() -> Value {
        let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: ü\n  annotations: {backup.velero.io/backup-volumes: 'ü, b'}\n---\na: [\n---\n\
                    apiVersion: snapshot.storage.k8s.io/v1\nkind: VolumeSnapshot\nspec: {source: {persistentVolumeClaimName: a}}\n";
        let mut report = Report::default();
        let source = Source::new("./a folder/x.yaml", None, text.as_bytes().to_vec()).unwrap();
        for object in check::read(&mut report, source) {
            check::judge(&mut report, &Config::default(), &Facts::default(), &object);
        }
        report.keep(Severity::Audit);
        value(&report, "1.2.3")
    }

    /// The types are generated from the published schema: what it does not know would be lost, what it wants would fail.
    #[test]
    fn the_log_is_what_the_schema_says() {
        let log = log();
        let read: serde_sarif::sarif::Sarif = serde_json::from_value(log.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), log);
    }

    #[test]
    fn a_result_leads_to_its_place() {
        let log = log();
        let result = &log["runs"][0]["results"][0];
        assert_eq!((&result["ruleId"], &result["level"]), (&json!("BKP101"), &json!("error")));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20folder/x.yaml");
        assert_eq!(place["region"], json!({"startLine": 5, "startColumn": 50, "endLine": 5, "endColumn": 56}));
        let rule = result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok()).unwrap();
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][rule]["id"], "BKP101");
        let notes = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"];
        assert_eq!(notes[0]["associatedRule"]["id"], "BKP201");
    }

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("<stdin>"), "stdin");
        assert_eq!(uri("/a b/ü"), "file:///a%20b/%C3%BC");
        assert_eq!(uri("../a:b"), "../a%3Ab");
    }
}
