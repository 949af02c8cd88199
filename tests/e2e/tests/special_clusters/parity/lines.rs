//! What a door says, in one shape for all of them.

use std::collections::BTreeSet;

use serde_json::Value;

/// API servers cut warnings.
const COMPARED: usize = 200;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub severity: &'static str,
    pub code: String,
    pub field: String,
    pub message: String,
}

impl Line {
    /// Whether two findings are one, as far as the shorter of them was not cut.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let start =
            |line: &Self| line.message.chars().take(COMPARED.saturating_sub(line.field.len())).collect::<String>();
        self.severity == other.severity && self.code == other.code && self.field == other.field && {
            let (a, b) = (start(self), start(other));
            a.starts_with(&b) || b.starts_with(&a)
        }
    }
}

/// The findings of one door that another one does not have, as often as they stand there.
pub fn lost<'a>(lines: &'a [Line], others: &[Line], same: impl Fn(&Line, &Line) -> bool) -> Vec<&'a Line> {
    let mut left: Vec<&Line> = others.iter().collect();
    let mut lost = Vec::new();
    for line in lines {
        match left.iter().position(|other| same(line, other)) {
            Some(at) => drop(left.swap_remove(at)),
            None => lost.push(line),
        }
    }
    lost
}

/// The findings without those that were said before in the same words.
pub fn once(lines: Vec<Line>) -> Vec<Line> {
    let mut kept: Vec<Line> = Vec::new();
    for line in lines {
        if !kept.contains(&line) {
            kept.push(line);
        }
    }
    kept
}

/// Severity and code of each, once.
pub fn codes(lines: &[Line]) -> BTreeSet<String> {
    lines.iter().map(|line| format!("{} {}", line.severity, line.code)).collect()
}

/// The findings that `lint -o json` prints.
pub fn of_lint(report: &Value) -> Vec<Line> {
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().into_iter().flatten();
    findings
        .map(|finding| Line {
            severity: match finding["severity"].as_str() {
                Some("Deny") => "Deny",
                Some("Warn") => "Warn",
                _ => "Audit",
            },
            code: text(finding, "code"),
            field: text(finding, "field"),
            message: text(finding, "message"),
        })
        .collect()
}

/// The findings of a response, and of a refusal that is none of them.
pub fn of_response(response: &Value) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for warning in response["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        lines.extend(of_warning(warning));
    }
    let causes = response["status"]["details"]["causes"].as_array().into_iter().flatten();
    for cause in causes {
        let message = cause["message"].as_str().unwrap_or_default();
        lines.extend(of_cause(cause["field"].as_str().unwrap_or_default(), message));
    }
    let denied = lines.iter().any(|line| line.severity == "Deny");
    if response["allowed"] == false && !denied { Err(response["status"].to_string()) } else { Ok(lines) }
}

/// The findings in what kubectl prints, or all that it prints when it fails for another reason.
pub fn of_kubectl(stderr: &str, failed: bool) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for line in stderr.lines() {
        if let Some(warning) = line.strip_prefix("Warning: ") {
            lines.extend(of_warning(warning));
            continue;
        }
        let cause = line.strip_prefix("* ").or_else(|| Some(line.split_once(" is invalid: ")?.1)).unwrap_or_default();
        if let Some((field, message)) = cause.split_once(": ") {
            lines.extend(of_cause(field, message));
        }
    }
    let denied = lines.iter().any(|line| line.severity == "Deny");
    if failed && !denied { Err(stderr.trim().to_owned()) } else { Ok(lines) }
}

fn of_warning(text: &str) -> Option<Line> {
    let (code, rest) = text.split_once(' ').filter(|(code, _)| code.starts_with("BKP"))?;
    let (field, message) = rest.split_once(": ")?;
    Some(Line { severity: "Warn", code: code.to_owned(), field: field.to_owned(), message: message.to_owned() })
}

fn of_cause(field: &str, message: &str) -> Option<Line> {
    let (message, code) = message.strip_suffix(']')?.rsplit_once(" [").filter(|(_, code)| code.starts_with("BKP"))?;
    Some(Line { severity: "Deny", code: code.to_owned(), field: field.to_owned(), message: message.to_owned() })
}

#[test]
fn a_finding_reads_the_same_from_every_door() {
    let cause = serde_json::json!({"field": "a[b/c]", "message": "\"x: y\" is wrong [BKP104]"});
    let response = serde_json::json!({"allowed": false, "warnings": ["BKP103 d: twice"], "status": {"details": {"causes": [cause]}}});
    let printed = "Warning: BKP103 d: twice\nThe Pod \"p\" is invalid: a[b/c]: \"x: y\" is wrong [BKP104]\n";
    assert_eq!(of_response(&response), of_kubectl(printed, true));
    let report = serde_json::json!({"findings": [{"code": "BKP104", "severity": "Deny", "field": "a[b/c]", "message": "\"x: y\" is wrong"}]});
    assert!(of_kubectl(printed, true).expect("findings").contains(&of_lint(&report)[0]));
    assert!(of_kubectl("Error from server: other", true).is_err());
}

#[test]
fn a_finding_that_a_door_loses_is_missed() {
    let line = |field: &str, message: &str| Line {
        severity: "Deny",
        code: "BKP104".to_owned(),
        field: field.to_owned(),
        message: message.to_owned(),
    };
    let (a, b) = (line("x", "one"), line("x", "two"));
    let both = [a.clone(), b.clone()];
    assert_eq!(lost(&both, &[b.clone(), a.clone()], Line::says_the_same), [] as [&Line; 0]);
    assert_eq!(lost(&both, std::slice::from_ref(&a), Line::says_the_same), [&b], "the second of a code");
    assert_eq!(lost(&[a.clone(), a.clone()], std::slice::from_ref(&a), Line::says_the_same), [&a], "said twice");
    assert_eq!(lost(&both, &[a.clone(), line("y", "two")], Line::says_the_same), [&b], "of another field");
    assert_eq!(once(vec![a.clone(), b.clone(), a.clone()]), both);
}
