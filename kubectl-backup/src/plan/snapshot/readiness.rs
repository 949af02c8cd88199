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
}
