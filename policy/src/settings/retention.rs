//! How long backups are kept or locked.

use super::{
    node::Node,
    problem::{Concern, Problems},
};
use crate::go_duration;

const LONGEST_TEXT: usize = 32;
const HOUR: i64 = 3600;
/// A Go duration ends after 292 years.
const LONGEST: i64 = 200 * 365 * 24 * HOUR;

/// A duration in Go's syntax, and its seconds.
pub(super) fn read(node: &Node<'_>, problems: &mut Problems) -> Option<(String, i64)> {
    let text = node.text(LONGEST_TEXT, problems)?;
    match parse(text) {
        // As Velero's server writes it, so that nothing it does changes the object again.
        Ok(seconds) => Some((go_duration::format_seconds(seconds), seconds)),
        Err(message) => {
            problems.mistake(Concern::Retention, node.path.clone(), message);
            None
        }
    }
}

/// The seconds for which a backup is to be kept or locked.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse(text: &str) -> Result<i64, String> {
    let seconds = go_duration::parse_seconds(text)
        .ok_or_else(|| format!("{text:?} is no duration; write hours, minutes and seconds, as in 720h or 1h30m"))?;
    if !(HOUR..=LONGEST).contains(&seconds) {
        return Err(format!("{text} must be at least 1h and at most 200 years ({}h)", LONGEST / HOUR));
    }
    Ok(seconds)
}
