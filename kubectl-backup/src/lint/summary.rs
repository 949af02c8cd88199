//! The last lines: how much was found, what could not be looked at, and what to do now.

use std::collections::{BTreeMap, BTreeSet};

use backup_policy::{Severity, rules};

use super::report::Report;

/// What was looked at with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// Whether the cluster was asked.
    pub live: bool,
    /// Whether every rule that was not evaluated is to be told.
    pub each: bool,
}

/// Returns the lines.
pub fn lines(report: &Report, asked: Asked) -> Vec<String> {
    let mut lines = vec![format!("{} in {}{}.", found(report), count(report.judged, "object"), passed_over(report))];
    let fixable = report.findings.iter().filter(|found| found.fix.is_some() && found.spot.is_some()).count();
    if fixable > 0 {
        lines.push(format!("--fix puts {fixable} of them right; with --dry-run=client it only shows how."));
    }
    let codes: BTreeSet<_> = report.findings.iter().map(|found| found.code).collect();
    if let Some(first) = codes.iter().find(|code| rules::by_code(code).is_some()) {
        lines.push(format!("More about a rule: kubectl backup explain {first}"));
    }
    lines.extend(not_evaluated(report, asked));
    lines
}

fn found(report: &Report) -> String {
    let parts: Vec<_> =
        [(Severity::Deny, "to be refused"), (Severity::Warn, "to warn of"), (Severity::Audit, "to note")]
            .into_iter()
            .map(|(severity, words)| (report.count(severity), words))
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{count} {words}"))
            .collect();
    match report.findings.len() {
        0 => "Nothing found".to_owned(),
        total => format!("{} ({})", count(total, "finding"), parts.join(", ")),
    }
}

fn passed_over(report: &Report) -> String {
    match report.passed_over {
        0 => String::new(),
        1 => "; 1 object of another kind was passed over".to_owned(),
        more => format!("; {more} objects of other kinds were passed over"),
    }
}

/// A rule that lacked a fact has not passed.
fn not_evaluated(report: &Report, asked: Asked) -> Vec<String> {
    if report.not_evaluated.is_empty() {
        return Vec::new();
    }
    if asked.each {
        let each = |skipped: &super::report::Skipped| {
            format!(
                "Not evaluated: {} for {}, because {} not known.",
                skipped.code,
                skipped.object,
                is(skipped.missing)
            )
        };
        return report.not_evaluated.iter().map(each).collect();
    }
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for skipped in &report.not_evaluated {
        *rules.entry(skipped.code).or_default() += 1;
    }
    let rules: Vec<_> =
        rules.iter().map(|(code, objects)| format!("{code} for {}", count(*objects, "object"))).collect();
    let hint = if asked.live { "-o wide says why" } else { "--live asks the cluster, -o wide says what is missing" };
    vec![format!("Not evaluated: {}; {hint}.", rules.join(", "))]
}

/// Facts are named in the singular and in the plural.
fn is(missing: &str) -> String {
    let plural = missing.split_whitespace().any(|word| word == "and") || missing.ends_with('s');
    format!("{missing} {}", if plural { "are" } else { "is" })
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
