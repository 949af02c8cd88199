//! `--fix`: the one right answer, written into the text where it belongs.

use std::collections::HashSet;

use backup_policy::{Config, Facts, Fix, fix::Change};
use serde_json::Value;

use super::{
    check,
    object::Object,
    report::{Found, Report},
    source::Source,
    yaml::edit::{self, Edit},
};

/// Rounds over one text. A round changes one place of each document, so that no change is worked out from an old text.
const MAX_ROUNDS: usize = 200;

/// A text after its fixes.
#[derive(Debug)]
pub struct Fixed {
    /// The text.
    pub text: String,
    /// What was put right, with the code of its rule.
    pub done: Vec<&'static str>,
}

/// Puts right what has one right answer. `facts` are those of the text's objects, in their order.
///
/// After each round the text is read again: a change that did more than it should is taken back and not tried again.
pub fn fix(source: &Source, config: &Config, facts: &[Facts]) -> Fixed {
    let mut fixed = Fixed { text: source.text.clone(), done: Vec::new() };
    let mut refused = HashSet::new();
    for _ in 0..MAX_ROUNDS {
        let Some((objects, report)) = judged(&fixed.text, config, facts) else { break };
        let mut changes = Vec::new();
        let mut seen = HashSet::new();
        for found in report.findings.iter().filter(|found| !refused.contains(&key(found))) {
            if let Some(change) = planned(&fixed.text, &objects, found)
                && seen.insert(change.document)
            {
                changes.push(change);
            }
        }
        if changes.is_empty() {
            break;
        }
        changes.sort_by_key(|change| std::cmp::Reverse(change.edit.span.start));
        let mut text = fixed.text.clone();
        for change in &changes {
            text.replace_range(change.edit.span.clone(), &change.edit.text);
        }
        let wrong: Vec<_> = match judged(&text, config, facts) {
            Some((after, _)) if after.len() == objects.len() => changes
                .iter()
                .filter(|change| !change.holds(&objects, &after))
                .map(|change| change.key.clone())
                .collect(),
            _ => changes.iter().map(|change| change.key.clone()).collect(),
        };
        if wrong.is_empty() {
            fixed.text = text;
            fixed.done.extend(changes.iter().map(|change| change.key.0));
        }
        refused.extend(wrong);
    }
    fixed
}

/// A finding by its rule and the place of its fix, whatever the bytes are by now.
type Key = (&'static str, usize, String, String);

fn key(found: &Found) -> Key {
    let (document, object) = found.spot.as_ref().map_or((0, ""), |spot| (spot.document, spot.object.as_str()));
    let path = found.fix.as_ref().map(|fix| fix.path.pointer()).unwrap_or_default();
    (found.code, document, object.to_owned(), path)
}

struct Planned {
    key: Key,
    document: usize,
    object: usize,
    fix: Fix,
    edit: Edit,
}

impl Planned {
    /// Whether the change did what the rule asks for, and nothing else to any object of its document.
    fn holds(&self, before: &[Object], after: &[Object]) -> bool {
        before.iter().zip(after).enumerate().filter(|(_, (before, _))| number(before) == Some(self.document)).all(
            |(index, (before, after))| {
                if index != self.object {
                    return before.value == after.value;
                }
                let mut expected = before.value.clone();
                self.fix.apply(&mut expected)
                    && (expected == after.value || self.emptied(expected) == Some(&after.value).cloned())
            },
        )
    }

    /// A mapping that lost its last line is nothing at all.
    fn emptied(&self, mut expected: Value) -> Option<Value> {
        let pointer = self.fix.path.pointer();
        let (holder, _) = pointer.rsplit_once('/')?;
        let holder = expected.pointer_mut(holder)?;
        if holder.as_object().is_none_or(|fields| !fields.is_empty()) {
            return None;
        }
        *holder = Value::Null;
        Some(expected)
    }
}

fn number(object: &Object) -> Option<usize> {
    object.origin.as_ref().map(|origin| origin.number)
}

fn planned(text: &str, objects: &[Object], found: &Found) -> Option<Planned> {
    let (fix, spot) = (found.fix.clone()?, found.spot.as_ref()?);
    let (object, origin) = objects.iter().enumerate().find_map(|(index, object)| {
        let origin = object.origin.as_ref()?;
        (origin.number == spot.document && origin.pointer == spot.object).then_some((index, origin))
    })?;
    let pointer = format!("{}{}", origin.pointer, fix.path.pointer());
    let edit = match &fix.change {
        Change::Set(new) => edit::set(&origin.document, text, &pointer, new),
        Change::Remove => edit::remove(&origin.document, text, &pointer),
    }?;
    Some(Planned { key: key(found), document: spot.document, object, fix, edit })
}

fn judged(text: &str, config: &Config, facts: &[Facts]) -> Option<(Vec<Object>, Report)> {
    let mut report = Report::default();
    let source = Source::new("", None, text.as_bytes().to_vec()).ok()?;
    let objects = check::read(&mut report, source);
    if objects.len() != facts.len() {
        return None;
    }
    for (object, facts) in objects.iter().zip(facts) {
        check::judge(&mut report, config, facts, object);
    }
    Some((objects, report))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(text: &str) -> (String, Vec<&'static str>) {
        let mut report = Report::default();
        let source = Source::new("x", None, text.as_bytes().to_vec()).unwrap();
        let count = check::read(&mut report, Source::new("x", None, text.as_bytes().to_vec()).unwrap()).len();
        let facts = vec![Facts { requester_exempt: Some(false), ..Facts::default() }; count];
        let fixed = fix(&source, &Config::default(), &facts);
        let again = fix(&Source::new("x", None, fixed.text.as_bytes().to_vec()).unwrap(), &Config::default(), &facts);
        assert_eq!((again.text.as_str(), again.done), (fixed.text.as_str(), vec![]), "twice is once");
        (fixed.text, fixed.done)
    }

    fn pod(annotations: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations:{annotations}\nspec:\n  volumes:\n  - name: data\n    emptyDir: {{}}\n  - name: logs\n    emptyDir: {{}}\n"
        )
    }

    #[test]
    fn only_the_value_changes_and_its_manner_stays() {
        for (old, new) in [
            ("data, logs   # why", "data,logs   # why"),
            ("'data, logs'", "'data,logs'"),
            ("\"data, logs\" # 'x'", "\"data,logs\" # 'x'"),
            ("data,,logs", "data,logs"),
            ("data, data", "data"),
        ] {
            let line = |value: &str| {
                pod(&format!("\n    # above\n    backup.velero.io/backup-volumes: {value}\n    other: a, b"))
            };
            assert_eq!(fixed(&line(old)).0, line(new), "{old}");
            let windows = |value: &str| line(value).replace('\n', "\r\n");
            assert_eq!(fixed(&windows(old)).0, windows(new), "{old}");
        }
        let flow = |value: &str| pod(&format!(" {{ backup.velero.io/backup-volumes: {value}, other: x }} # why"));
        assert_eq!(fixed(&flow("'data, logs'")).0, flow("'data,logs'"));
    }

    #[test]
    fn a_line_goes_away_as_a_whole() {
        let marked = |labels: &str| {
            format!(
                "apiVersion: snapshot.storage.k8s.io/v1\nkind: VolumeSnapshot\nmetadata:\n  labels:{labels}\nspec: {{}}\n"
            )
        };
        let mark = "kubectl-backup.dev/quota-exempt: \"true\"";
        for (old, new) in [
            (format!("\n    a: b\n    {mark} # mine\n    c: d"), "\n    a: b\n    c: d".to_owned()),
            (format!("\n    {mark}"), String::new()),
            (format!(" {{a: b, {mark}}}"), " {a: b}".to_owned()),
            (format!(" {{{mark}, a: b}}"), " {a: b}".to_owned()),
            (format!(" {{{mark}}}"), " {}".to_owned()),
        ] {
            assert_eq!(fixed(&marked(&old)), (marked(&new), vec!["BKP401"]), "{old}");
        }
    }

    #[test]
    fn every_document_and_item_is_put_right() {
        let bad = pod("\n    backup.velero.io/backup-volumes: data, logs,,data");
        let good = pod("\n    backup.velero.io/backup-volumes: data,logs");
        assert_eq!(fixed(&format!("# a\n---\n{bad}---\n{bad}")).0, format!("# a\n---\n{good}---\n{good}"));
        let json = |value: &str| {
            format!(
                "{{\"kind\":\"List\",\"items\":[{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"annotations\":{{\"backup.velero.io/backup-volumes\":\"{value}\"}}}},\"spec\":{{\"volumes\":[{{\"name\":\"data\"}}]}}}}]}}"
            )
        };
        assert_eq!(fixed(&json("data,")).0, json("data"));
    }

    #[test]
    fn what_stands_for_several_places_is_left_to_its_author() {
        let shared = pod(" &a\n    backup.velero.io/backup-volumes: data, logs") + "x: *a\n";
        assert_eq!(fixed(&shared), (shared.clone(), vec![]));
        let unclear = pod("\n    backup.velero.io/backup-volumes: nope");
        assert_eq!(fixed(&unclear), (unclear.clone(), vec![]));
        let block = pod("\n    backup.velero.io/backup-volumes: >-\n      data,\n      logs\n    other: x");
        assert_eq!(fixed(&block), (block.clone(), vec![]));
        let twice = pod("\n    backup.velero.io/backup-volumes: a\n    backup.velero.io/backup-volumes: data, logs");
        assert!(fixed(&twice).0.contains("backup-volumes: a\n"));
    }
}
