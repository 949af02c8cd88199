//! Whether the snapshotter is to be reminded of a content that is being deleted.

use backup_api::snapshot::VolumeSnapshotContent;

use super::delete;

/// Times that a content is touched at most: one that does not go then was not forgotten.
const TOUCHES: u32 = 3;

/// What to do about a content that has not gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Touch it.
    Touch,
    /// Look again later: it is not being deleted yet.
    Later,
    /// Leave it alone: touching it does not help.
    Never,
}

/// Decides by the content as it is, how often it was touched, and whether its driver is known to fail: the snapshotter tries
/// again by itself then, and has not forgotten it.
pub fn next(content: Option<&VolumeSnapshotContent>, touched: u32, has_failed: bool) -> Next {
    match content {
        _ if has_failed || touched >= TOUCHES => Next::Never,
        Some(content) if delete::refusal(content).is_some() => Next::Never,
        Some(content) if content.metadata.deletion_timestamp.is_some() => Next::Touch,
        _ => Next::Later,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn content(metadata: &Value, status: &Value) -> VolumeSnapshotContent {
        let content = json!({"apiVersion": "v1", "kind": "VolumeSnapshotContent", "metadata": metadata, "spec": {}, "status": status});
        serde_json::from_value(content).unwrap()
    }

    #[test]
    fn a_content_is_touched_three_times_and_not_once_its_driver_fails() {
        let going = json!({"deletionTimestamp": "2026-11-21T09:00:00Z"});
        let stuck = content(&going, &json!({}));
        assert_eq!(
            [0, 1, 2, 3, 4].map(|touched| next(Some(&stuck), touched, false) == Next::Touch),
            [true, true, true, false, false]
        );
        assert_eq!(next(Some(&stuck), 0, true), Next::Never);
        let refused = json!({"error": {"message": "Failed to delete snapshot", "time": "2026-11-21T09:00:01Z"}});
        assert_eq!(next(Some(&content(&going, &refused)), 0, false), Next::Never);
    }

    #[test]
    fn what_is_not_being_deleted_is_looked_at_again() {
        assert_eq!(next(Some(&content(&json!({}), &json!({}))), 0, false), Next::Later);
        assert_eq!(next(None, 2, false), Next::Later);
    }
}
