//! The volumes that an undo leaves: their PVC is taken away, and nobody else would know of them.

use super::{Direction, Journal, Observed, journal::Left};

/// Writes down the volume of a PVC that goes on the way back; `None` when there is nothing new. What a PVC of somebody else
/// has is nothing that the undo takes away.
pub fn leaving(journal: &Journal, seen: &Observed) -> Option<Journal> {
    if journal.direction != Direction::Back || !seen.claim.as_ref()?.is_in_place() {
        return None;
    }
    let current = seen.current.as_ref()?;
    if journal.left_volumes.iter().any(|left| left.name == current.name) {
        return None;
    }
    let mut journal = journal.clone();
    journal.left_volumes.push(Left { name: current.name.clone(), was_there: current.other_data.is_some() });
    Some(journal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::rollback::{ClaimSeen, VolumeSeen};

    fn journal(direction: &str) -> Journal {
        let claim = json!({"metadata": {"name": "data"}});
        let kept = json!({"volume": "pv-old", "claimUid": "u", "reclaimPolicy": "Delete"});
        serde_json::from_value(json!({"direction": direction, "done": false, "original": claim, "replacement": claim,
            "bindsLate": false, "kept": kept, "workloads": [], "safety": null}))
        .unwrap()
    }

    fn seen(ours: bool, volume: &str, other_data: Option<&str>) -> Observed {
        let uid = "n".to_owned();
        let volume = VolumeSeen {
            name: volume.into(),
            reclaim_policy: "Delete".into(),
            claim_uid: Some(uid.clone()),
            is_noted: false,
            deleting: false,
            other_data: other_data.map(Into::into),
        };
        let claim = ClaimSeen {
            uid,
            version: String::new(),
            deleting: false,
            bound: true,
            volume: Some(volume.name.clone()),
            ours,
            of_other: None,
            other_is_over: false,
        };
        Observed { claim: Some(claim), current: Some(volume), ..Observed::default() }
    }

    #[test]
    fn only_what_the_undo_takes_away_is_left() {
        let back = journal("Back");
        let first = leaving(&back, &seen(true, "pv-new", None)).unwrap();
        assert_eq!(first.left_volumes, [Left { name: "pv-new".into(), was_there: false }]);
        assert_eq!(leaving(&first, &seen(true, "pv-new", None)), None, "it is written down");
        // An empty PVC that somebody made in the middle: what was there before it is remembered.
        assert_eq!(leaving(&first, &seen(false, "pv-empty", None)), None);
        assert_eq!(leaving(&first, &Observed::default()), None);
        let mut later = seen(false, "pv-later", None);
        later.claim.as_mut().unwrap().other_is_over = true;
        assert!(leaving(&back, &later).is_some(), "of a later rollback that was let go of");
        assert_eq!(leaving(&journal("Forward"), &seen(true, "pv-new", None)), None);
        let both = leaving(&first, &seen(true, "pv-again", None)).unwrap().left_volumes;
        assert_eq!(both.iter().map(|left| left.name.as_str()).collect::<Vec<_>>(), ["pv-new", "pv-again"]);
    }

    #[test]
    fn a_volume_that_was_there_before_is_known_for_it() {
        let left = leaving(&journal("Back"), &seen(true, "pv-free", Some("it was there before"))).unwrap().left_volumes;
        assert_eq!(left, [Left { name: "pv-free".into(), was_there: true }]);
    }
}
