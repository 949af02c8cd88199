//! Whether the data from before a rollback may be let go.

use super::{Journal, Observed, next::other_data};
use crate::{
    error::{CliError, Result},
    plan::undo::let_go,
};

/// Checks that there are other data to live with: the PVC is one of a rollback and has a volume that was filled for it.
///
/// # Errors
/// When there are none: the old data may be the only ones.
pub fn check_finish(journal: &Journal, seen: &Observed, snapshot: &str, namespace: &str) -> Result<()> {
    // Nothing can be lost any more.
    let Some(kept) = &seen.kept else { return Ok(()) };
    let Some(why) = reason(journal, seen) else { return Ok(()) };
    Err(CliError::new(format!(
        "PVC {:?} in namespace {namespace:?}: {why}. Volume {} with the data from before is not let go",
        journal.claim(),
        kept.name
    ))
    .hint(format!("Bring these data back with: kubectl backup snapshot rollback {snapshot} --undo -n {namespace}"))
    .hint(format!("If nobody needs them: {}", let_go(&kept.name))))
}

/// The end of letting go when the notes are gone: whether somebody needs the old data by now is not known.
pub fn nothing_let_go(journal: &Journal, snapshot: &str, namespace: &str) -> CliError {
    let volume = &journal.kept.volume;
    CliError::new(format!(
        "VolumeSnapshot {snapshot:?} in namespace {namespace:?} is gone, and with it the notes of the rollback: volume {volume} with the data from before is not let go"
    ))
    .hint(format!("If nobody needs them: {}", let_go(volume)))
}

fn reason(journal: &Journal, seen: &Observed) -> Option<String> {
    let Some(claim) = &seen.claim else { return Some("it does not exist".to_owned()) };
    if claim.deleting {
        return Some("it is being deleted".to_owned());
    }
    if claim.bound && claim.volume.as_deref() == Some(&journal.kept.volume) {
        return Some("it has the volume with the old data again".to_owned());
    }
    if !claim.ours && claim.of_other.is_none() {
        return Some("somebody else made it since".to_owned());
    }
    if !claim.bound {
        return Some("it has no data yet; it is filled from the snapshot when the first pod uses it".to_owned());
    }
    other_data(journal, claim, seen)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::rollback::{ClaimSeen, VolumeSeen};

    fn journal() -> Journal {
        let claim = json!({"metadata": {"name": "data"}});
        let kept = json!({"volume": "pv-old", "claimUid": "u", "reclaimPolicy": "Delete"});
        serde_json::from_value(json!({"direction": "Forward", "done": true, "original": claim, "replacement": claim,
            "bindsLate": true, "kept": kept, "workloads": [], "safety": null}))
        .unwrap()
    }

    fn volume(name: &str, other_data: Option<&str>) -> VolumeSeen {
        VolumeSeen {
            name: name.into(),
            reclaim_policy: "Retain".into(),
            claim_uid: None,
            is_noted: true,
            deleting: false,
            other_data: other_data.map(Into::into),
        }
    }

    fn claim() -> ClaimSeen {
        let volume = Some("pv-new".into());
        ClaimSeen {
            uid: "n".into(),
            version: "1".into(),
            deleting: false,
            bound: true,
            volume,
            ours: true,
            of_other: None,
            other_is_over: false,
        }
    }

    fn said(claim: Option<ClaimSeen>, other_data: Option<&str>) -> Option<String> {
        let seen = Observed {
            claim,
            kept: Some(volume("pv-old", None)),
            current: Some(volume("pv-new", other_data)),
            ..Observed::default()
        };
        let error = check_finish(&journal(), &seen, "good", "shop").err()?;
        Some(format!("{} | {}", error.message, error.hints.join(" | ")))
    }

    #[test]
    fn old_data_go_only_when_there_are_new_ones() {
        assert_eq!(said(Some(claim()), None), None);
        assert_eq!(said(Some(ClaimSeen { ours: false, of_other: Some("later".into()), ..claim() }), None), None);
        let gone = nothing_let_go(&journal(), "good", "shop");
        insta::assert_snapshot!(format!("{} | {}", gone.message, gone.hints.join(" | ")), @r#"VolumeSnapshot "good" in namespace "shop" is gone, and with it the notes of the rollback: volume pv-old with the data from before is not let go | If nobody needs them: kubectl patch pv pv-old -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'"#);
        insta::assert_snapshot!(said(None, None).unwrap(), @r#"PVC "data" in namespace "shop": it does not exist. Volume pv-old with the data from before is not let go | Bring these data back with: kubectl backup snapshot rollback good --undo -n shop | If nobody needs them: kubectl patch pv pv-old -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'"#);
        for claim in [
            ClaimSeen { deleting: true, ..claim() },
            ClaimSeen { ours: false, ..claim() },
            ClaimSeen { volume: Some("pv-old".into()), ..claim() },
        ] {
            assert!(said(Some(claim.clone()), None).is_some(), "{claim:?}");
        }
        assert!(said(Some(claim()), Some("it was there before")).is_some_and(|said| said.contains("there before")));
    }

    #[test]
    fn a_pvc_that_waits_for_its_first_pod_keeps_the_old_data() {
        let waiting = ClaimSeen { bound: false, volume: None, ..claim() };
        insta::assert_snapshot!(said(Some(waiting), None).unwrap(), @r#"PVC "data" in namespace "shop": it has no data yet; it is filled from the snapshot when the first pod uses it. Volume pv-old with the data from before is not let go | Bring these data back with: kubectl backup snapshot rollback good --undo -n shop | If nobody needs them: kubectl patch pv pv-old -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'"#);
    }

    #[test]
    fn without_the_old_volume_nothing_is_lost() {
        assert!(check_finish(&journal(), &Observed::default(), "good", "shop").is_ok());
    }
}
