//! Whether a snapshot that is waited for is ready, failed, or under way.

use backup_api::snapshot::VolumeSnapshot;

use super::driver_error;

/// How far a snapshot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Volumes can be made from it.
    Ready,
    /// The driver or the controller refused; in its own words.
    Failed(String),
    /// Not yet; what to tell.
    UnderWay(String),
}

/// Judges a snapshot by its status.
pub fn judge(snapshot: &VolumeSnapshot) -> Readiness {
    let Some(status) = &snapshot.status else { return Readiness::UnderWay("waiting for the controller".into()) };
    // An error stays in the status for a while after a later try went well.
    if status.ready_to_use == Some(true) {
        return Readiness::Ready;
    }
    match status.error.as_ref().map(|error| error.message.clone().unwrap_or_default()) {
        Some(message) if driver_error::is_passing(&message) => {
            Readiness::UnderWay(format!("tried again after: {message}"))
        }
        Some(message) => Readiness::Failed(message),
        None if status.creation_time.is_some() => Readiness::UnderWay("taken, not ready to use yet".into()),
        None if status.bound_volume_snapshot_content_name.is_some() => Readiness::UnderWay("being taken".into()),
        None => Readiness::UnderWay("waiting for the driver".into()),
    }
}

/// What the snapshot-controller writes when its cache does not hold the content that a snapshot names.
const UNSEEN: &str = "VolumeSnapshotContent is missing";

/// Judges a snapshot whose content was made just before it. The controller may see the snapshot first: it then calls the
/// content missing, and tries again.
pub fn judge_second(snapshot: &VolumeSnapshot) -> Readiness {
    match judge(snapshot) {
        Readiness::Failed(message) if message == UNSEEN => Readiness::UnderWay(format!("tried again after: {message}")),
        other => other,
    }
}

/// What of a snapshot is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The storage has cut it: what is written from now on is not in it.
    Cut,
    /// Volumes can be made from it.
    Ready,
}

/// Steps of a snapshot's making, for a bar.
pub const STEPS: u64 = 4;

/// Judges a snapshot by its status, when this is waited for.
pub fn judge_for(snapshot: &VolumeSnapshot, goal: Goal) -> Readiness {
    let is_cut = snapshot.status.as_ref().is_some_and(|status| status.creation_time.is_some());
    match judge(snapshot) {
        Readiness::UnderWay(_) if goal == Goal::Cut && is_cut => Readiness::Ready,
        other => other,
    }
}

/// How many of [`STEPS`] are done.
pub fn steps(snapshot: &VolumeSnapshot) -> u64 {
    match &snapshot.status {
        Some(status) if status.ready_to_use == Some(true) => 4,
        Some(status) if status.creation_time.is_some() => 3,
        Some(status) if status.bound_volume_snapshot_content_name.is_some() => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use backup_api::snapshot::{SnapshotError, VolumeSnapshotSpec, VolumeSnapshotStatus};

    use super::*;

    fn with(ready: Option<bool>, error: Option<&str>) -> VolumeSnapshot {
        let mut snapshot = VolumeSnapshot::new("web", VolumeSnapshotSpec::default());
        snapshot.status = Some(VolumeSnapshotStatus {
            ready_to_use: ready,
            error: error.map(|message| SnapshotError { message: Some(message.into()), time: None }),
            ..VolumeSnapshotStatus::default()
        });
        snapshot
    }

    #[test]
    fn a_driver_that_refuses_ends_the_wait() {
        assert_eq!(judge(&with(Some(false), Some("no space"))), Readiness::Failed("no space".into()));
        assert_eq!(judge(&with(None, Some("no space"))), Readiness::Failed("no space".into()));
    }

    #[test]
    fn ready_counts_more_than_an_old_error() {
        assert_eq!(judge(&with(Some(true), Some("no space"))), Readiness::Ready);
    }

    #[test]
    fn a_conflict_of_the_controllers_is_waited_out() {
        let judged = judge(&with(Some(false), Some("the object has been modified; please apply your changes")));
        assert!(matches!(judged, Readiness::UnderWay(_)), "{judged:?}");
        assert!(matches!(judge(&with(Some(false), None)), Readiness::UnderWay(_)));
    }

    #[test]
    fn a_content_that_the_controller_does_not_see_yet_is_waited_for_where_we_made_it() {
        let unseen = with(Some(false), Some(UNSEEN));
        assert_eq!(judge(&unseen), Readiness::Failed(UNSEEN.into()));
        assert!(matches!(judge_second(&unseen), Readiness::UnderWay(_)));
        assert_eq!(judge_second(&with(Some(true), Some(UNSEEN))), Readiness::Ready);
        assert_eq!(
            judge_second(&with(Some(false), Some("no such handle"))),
            Readiness::Failed("no such handle".into())
        );
    }

    #[test]
    fn the_cut_comes_before_the_snapshot_is_ready() {
        let mut cut = with(Some(false), None);
        assert!(matches!(judge_for(&cut, Goal::Cut), Readiness::UnderWay(_)));
        assert_eq!(steps(&cut), 1);
        cut.status.as_mut().unwrap().creation_time = Some("2026-11-21T09:00:00Z".into());
        assert_eq!(judge_for(&cut, Goal::Cut), Readiness::Ready);
        assert!(matches!(judge_for(&cut, Goal::Ready), Readiness::UnderWay(_)));
        assert_eq!(steps(&cut), 3);
        assert_eq!(judge_for(&with(Some(true), None), Goal::Cut), Readiness::Ready);
        assert_eq!(judge_for(&with(None, Some("no space")), Goal::Cut), Readiness::Failed("no space".into()));
    }
}
