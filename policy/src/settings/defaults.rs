//! What new objects get where their author says nothing.

use std::collections::BTreeMap;

use super::{
    node::{Node, shown},
    problem::{Concern, Problems},
    retention,
};
use crate::Config;

const LABELS: usize = 32;
const NAME: usize = 63;
const PREFIX: usize = 253;

pub(super) fn read(node: &Node<'_>, config: &mut Config, problems: &mut Problems) {
    let known = ["backupTTL", "scheduleTTL", "storageLocation", "labels"];
    let Some(fields) = node.fields(&known, problems) else { return };
    let mut ttl = |field| fields.get(field).and_then(|node| retention::read(&node, problems)).map(|(text, _)| text);
    let (backup, schedule) = (ttl("backupTTL"), ttl("scheduleTTL"));
    // Said for backups and not for schedules, it is said for both.
    if let Some(schedule) = schedule.or_else(|| backup.clone()) {
        config.schedule_ttl = Some(schedule);
    }
    if let Some(backup) = backup {
        config.backup_ttl = Some(backup);
    }
    if let Some(location) = fields.get("storageLocation").and_then(|node| node.text(NAME, problems)) {
        config.storage_location = Some(location.to_owned());
    }
    if let Some(node) = fields.get("labels") {
        config.labels = labels(&node, problems);
    }
}

fn labels(node: &Node<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (key, entry) in node.entries(LABELS, problems) {
        let value = match entry.value.as_str() {
            Some("") => "",
            _ => entry.text(NAME, problems).unwrap_or_default(),
        };
        let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
        if !is_name(name) || prefix.is_some_and(|prefix| !is_prefix(prefix)) {
            let message = format!("{:?} is no label's key; write NAME or PREFIX/NAME", shown(key));
            problems.mistake(Concern::Labels, entry.path, message);
        } else if prefix.is_some_and(is_reserved) {
            let message = "labels of this prefix have their own meaning to Velero or to the webhook; take another";
            problems.mistake(Concern::Labels, entry.path, message);
        } else if !value.is_empty() && !is_name(value) {
            let message = format!("{value:?} is no label's value; write letters, digits, -, _ and . only");
            problems.mistake(Concern::Labels, entry.path, message);
        } else {
            labels.insert(key.to_owned(), value.to_owned());
        }
    }
    labels
}

fn is_name(text: &str) -> bool {
    let inner = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    let edge = |char: Option<char>| char.is_some_and(|char| char.is_ascii_alphanumeric());
    text.len() <= NAME && text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().last())
}

fn is_prefix(text: &str) -> bool {
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '-' | '.');
    !text.is_empty() && text.len() <= PREFIX && text.chars().all(plain)
}

fn is_reserved(prefix: &str) -> bool {
    ["velero.io", "kubectl-backup.dev"]
        .iter()
        .any(|reserved| prefix == *reserved || prefix.strip_suffix(reserved).is_some_and(|rest| rest.ends_with('.')))
}
