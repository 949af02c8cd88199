//! What there is to say about a rule.

use backup_policy::rules::{Cel, Check, Rule};
use serde_json::{Value, json};

use crate::output::{Column, Table};

/// Width of a page's paragraphs.
const WIDTH: usize = 88;

/// All rules, a line each.
pub fn table(rules: &[&Rule]) -> Table {
    let mut table = Table::new(vec![
        Column::new("CODE"),
        Column::new("SEVERITY"),
        Column::wide("WITHOUT WEBHOOK"),
        Column::new("RULE"),
    ]);
    for rule in rules {
        let without = if in_policies(rule) { "yes" } else { "no" };
        table.row(vec![rule.code.into(), rule.severity.to_string(), without.into(), rule.title.into()]);
    }
    table
}

/// A rule's page, for people.
pub fn page(rule: &Rule) -> String {
    let page = &rule.page;
    let mut text =
        format!("{}: {}\nSeverity: {}, unless a BackupPolicy says otherwise\n", rule.code, rule.title, rule.severity);
    if !page.facts.is_empty() {
        text.push_str(&format!("Needs to know: {}\n", page.facts.join(", ")));
    }
    text.push_str(&match rule.cel {
        Cel::Pod(_) => {
            "Without the webhook: checked by the policies that \"kubectl backup policy show --format vap\" prints\n"
                .to_owned()
        }
        Cel::LeftOut(why) => format!("Without the webhook: checked by lint alone: {why}\n"),
    });
    text.push_str(&format!("\n{}\n", wrapped(page.why)));
    text.push_str(&format!("\nThis breaks it:\n\n{}\nThis is right:\n\n{}", indented(page.bad), indented(page.good)));
    text
}

/// A rule for programs.
pub fn value(rule: &Rule) -> Value {
    let left_out = match rule.cel {
        Cel::Pod(_) => None,
        Cel::LeftOut(why) => Some(why),
    };
    json!({
        "code": rule.code,
        "severity": rule.severity.name(),
        "title": rule.title,
        "about": match rule.check { Check::Pod(_) | Check::PodAround(_) => "pods", Check::Subject(_) | Check::Operation(_) => "objects" },
        "why": rule.page.why,
        "bad": rule.page.bad,
        "good": rule.page.good,
        "facts": rule.page.facts,
        "validatingAdmissionPolicy": left_out.is_none(),
        "leftOutBecause": left_out,
    })
}

fn in_policies(rule: &Rule) -> bool {
    matches!(rule.cel, Cel::Pod(_))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {}\n", cut(line))).collect()
}

/// A line that a terminal can show; one example is too long on purpose.
fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use backup_policy::rules::{CATALOGUE, by_code};

    use super::*;

    #[test]
    fn a_page_says_why_and_shows_both_examples() {
        let text = page(by_code("BKP112").expect("a rule"));
        insta::assert_snapshot!(text, @r#"BKP112: A volume to back up outlives its pod
Severity: Warn, unless a BackupPolicy says otherwise
Without the webhook: checked by the policies that "kubectl backup policy show --format vap" prints

Velero copies the files of an emptyDir, and restores them into the new pod. But an
emptyDir is empty whenever its pod is made anew, so that what must not be lost is not
kept there; and the copies are never incremental across pods. Mostly a claim was to be
named.

This breaks it:

    apiVersion: v1
    kind: Pod
    metadata:
      name: web
      annotations:
        backup.velero.io/backup-volumes: data,cache
    spec:
      containers:
      - name: web
        image: registry.example.org/web:1
        volumeMounts:
        - name: data
          mountPath: /data
        - name: cache
          mountPath: /cache
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: web-data}
      - name: cache
        emptyDir: {}

This is right:

    apiVersion: v1
    kind: Pod
    metadata:
      name: web
      annotations:
        backup.velero.io/backup-volumes: data
    spec:
      containers:
      - name: web
        image: registry.example.org/web:1
        volumeMounts:
        - name: data
          mountPath: /data
        - name: cache
          mountPath: /cache
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: web-data}
      - name: cache
        emptyDir: {}"#);
    }

    #[test]
    fn every_page_fits_a_terminal() {
        for rule in CATALOGUE {
            assert!(page(rule).lines().all(|line| line.chars().count() <= 140), "{}", rule.code);
        }
    }
}
