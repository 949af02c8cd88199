//! Severities that differ from the rules' own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    node::{Node, nearest, shown},
    problem::{Concern, Problems},
};
use crate::{Fix, Severity, rules};

const RULES: usize = 128;

pub(super) fn read(node: &Node<'_>, problems: &mut Problems) -> BTreeMap<String, Severity> {
    let mut severities = BTreeMap::new();
    for (code, entry) in node.entries(RULES, problems) {
        let Some(rule) = rules::by_code(code) else {
            let near = nearest(code, rules::CATALOGUE.iter().map(|rule| rule.code));
            let way_out = near.map(|near| format!(" did you mean {near}?")).unwrap_or_default();
            let message = format!("there is no such rule;{way_out} kubectl backup explain lists them");
            problems.mistake(Concern::Severities, entry.path, message);
            continue;
        };
        if let Some(severity) = severity(&entry, problems) {
            if rule.is_fixed() && severity != rule.severity {
                let message = format!(
                    "is always {}, since it keeps locks or quotas from being passed; remove this line, and name who \
                     may pass in exemptions",
                    rule.severity
                );
                problems.mistake(Concern::Severities, entry.path, message);
                continue;
            }
            severities.insert(code.to_owned(), severity);
        }
    }
    severities
}

fn severity(entry: &Node<'_>, problems: &mut Problems) -> Option<Severity> {
    let severity = match entry.value {
        // YAML reads a bare Off as a boolean.
        Value::Bool(false) => None,
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    if severity.is_none() {
        let meant = match entry.value {
            Value::Bool(false) => Some(Severity::Off),
            Value::String(text) => Severity::ALL.into_iter().find(|known| text.eq_ignore_ascii_case(known.name())),
            _ => None,
        };
        let value = shown(&entry.value.to_string());
        match meant {
            Some(Severity::Off) if entry.value.is_boolean() => problems.mistake_with_fix(
                Concern::Severities,
                Fix::set(entry.path.clone(), Severity::Off.name()),
                "YAML reads Off as false; write \"Off\" in quotes",
            ),
            Some(meant) => problems.mistake_with_fix(
                Concern::Severities,
                Fix::set(entry.path.clone(), meant.name()),
                format!("{value} is no severity; write {meant}"),
            ),
            None => problems.mistake(
                Concern::Severities,
                entry.path.clone(),
                format!("{value} is no severity; write Deny, Warn, Audit or \"Off\""),
            ),
        }
    }
    severity
}
