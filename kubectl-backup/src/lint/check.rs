//! The rules over a text: what the webhook would say about each of its objects.

use std::rc::Rc;

use backup_policy::{Config, Facts, Finding, Severity, Subject, defaults, evaluate};
use serde_json::Value;

use super::{
    object::{Object, Origin},
    report::{Found, Report, Skipped, Spot},
    source::Source,
    yaml::{self, Problem},
};

/// The code of a text that kubectl cannot read.
pub const UNREADABLE: &str = "BKP001";
/// The code of a text that is not read as it looks.
pub const AMBIGUOUS: &str = "BKP002";

/// What these two ask for.
pub fn title(code: &str) -> &'static str {
    if code == UNREADABLE {
        "A manifest is YAML or JSON that kubectl can read"
    } else {
        "A key stands once in its mapping"
    }
}

/// Reads the objects of a source; what cannot be read becomes a finding.
pub fn read(report: &mut Report, source: Source) -> Vec<Object> {
    let number = report.sources.len();
    let mut objects = Vec::new();
    for (document_number, document) in yaml::read(&source.text).into_iter().enumerate() {
        let mut tell = |problem: Problem| report.findings.push(unread(number, document_number, problem));
        let document = match document {
            Ok(document) => Rc::new(document),
            Err(problem) => {
                tell(problem);
                continue;
            }
        };
        match document.value() {
            Ok(reading) => {
                reading.oddities.into_iter().for_each(&mut tell);
                if !(reading.value.is_object() || reading.value.is_null()) {
                    let span = document.place("").map(|place| place.shown()).unwrap_or_default();
                    let message = "this is no object: it has neither apiVersion nor kind".to_owned();
                    tell(Problem { span, message, fatal: true });
                    continue;
                }
                let origin = Origin { source: number, number: document_number, document, pointer: String::new() };
                objects.extend(Object { value: reading.value, origin: Some(origin) }.taken_apart());
            }
            Err(problem) => tell(problem),
        }
    }
    report.sources.push(source);
    objects.retain(|object| !object.value.is_null());
    objects
}

fn unread(source: usize, document: usize, problem: Problem) -> Found {
    let (code, severity) = if problem.fatal { (UNREADABLE, Severity::Deny) } else { (AMBIGUOUS, Severity::Warn) };
    Found {
        code,
        severity,
        message: problem.message,
        field: String::new(),
        object: None,
        spot: Some(Spot { source, document, object: String::new(), span: problem.span }),
        value: None,
        fix: None,
    }
}

/// Judges an object of a manifest as if somebody created it now: what was left open is filled in first, as the webhook
/// does.
pub fn judge(report: &mut Report, config: &Config, facts: &Facts, object: &Object) {
    let mut value = object.value.clone();
    // The API server takes no such mark from authors.
    if object.origin.is_some()
        && let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("deletionTimestamp");
    }
    let Some(subject) = Subject::read(&value, None) else {
        report.passed_over += 1;
        return;
    };
    report.judged += 1;
    let filled = match object.origin {
        Some(_) => defaults::filled(config, &subject, facts),
        None => value.clone(),
    };
    let verdict = evaluate(config, &Subject { object: &filled, ..subject }, facts);
    report.findings.extend(verdict.findings.into_iter().map(|finding| found(object, finding)));
    report.not_evaluated.extend(verdict.not_evaluated.into_iter().map(|skipped| Skipped {
        code: skipped.code,
        missing: skipped.missing,
        object: object.name(),
    }));
}

fn found(object: &Object, finding: Finding) -> Found {
    let spot = object.origin.as_ref().and_then(|origin| {
        let place = origin.document.place(&format!("{}{}", origin.pointer, finding.path.pointer()))?;
        Some(Spot {
            source: origin.source,
            document: origin.number,
            object: origin.pointer.clone(),
            span: place.shown(),
        })
    });
    let value = finding.path.find(&object.value).filter(|_| spot.is_none()).and_then(Value::as_str);
    Found {
        code: finding.code,
        severity: finding.severity,
        message: finding.message,
        field: finding.path.to_string(),
        object: Some(object.name()),
        spot,
        value: value.map(str::to_owned),
        fix: finding.fix,
    }
}
