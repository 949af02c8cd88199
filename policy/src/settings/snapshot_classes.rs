//! The table that leads from a storage class to a snapshot class.

use super::{
    node::{Node, shown},
    problem::{Concern, Problems},
};
use crate::config::SnapshotClassRule;

const ROWS: usize = 64;
const NAME: usize = 253;

pub(super) fn read(node: &Node<'_>, problems: &mut Problems) -> Vec<SnapshotClassRule> {
    let mut rows = Vec::new();
    for item in node.items(ROWS, problems) {
        let Some(fields) = item.fields(&["storageClass", "snapshotClass"], problems) else { continue };
        let (pattern, class) = (fields.require("storageClass", problems), fields.require("snapshotClass", problems));
        let (Some(pattern), Some(class)) = (pattern, class) else { continue };
        let (Some(storage_class), Some(snapshot_class)) = (pattern.text(NAME, problems), class.text(NAME, problems))
        else {
            continue;
        };
        if !storage_class.chars().all(|char| is_name(char) || matches!(char, '*' | '?')) {
            let message = format!(
                "{:?} fits no storage class: beside a name's characters (a-z, 0-9, - and .) a pattern has only * and ?",
                shown(storage_class)
            );
            problems.mistake(Concern::SnapshotClasses, pattern.path, message);
        }
        if !snapshot_class.chars().all(is_name) {
            let message = format!("{:?} is no VolumeSnapshotClass's name; write one as it is", shown(snapshot_class));
            problems.mistake(Concern::SnapshotClasses, class.path, message);
        }
        let row =
            SnapshotClassRule { storage_class: storage_class.to_owned(), snapshot_class: snapshot_class.to_owned() };
        if rows.contains(&row) {
            problems.mistake(Concern::SnapshotClasses, item.path, "this row stands above already; remove it");
        }
        rows.push(row);
    }
    rows
}

fn is_name(char: char) -> bool {
    char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '-' | '.')
}
