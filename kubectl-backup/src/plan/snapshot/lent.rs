//! Whether a snapshot is just being restored into another namespace.

use std::time::Duration;

use backup_api::{
    labels,
    snapshot::{VolumeSnapshot, VolumeSnapshotContent},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::delete::source;
use crate::{error::CliError, plan::claim::is_bound};

/// How long a restore may take from its first object to its PVC: it waits for the content meanwhile.
const BEGINNING: Duration = Duration::from_secs(600);

/// What is known of an object of another namespace.
#[derive(Clone, Debug)]
pub enum Seen<K> {
    /// It may not be read.
    Hidden,
    /// There is none.
    Absent,
    /// It is there.
    There(Box<K>),
}

/// A second content that stands for a snapshot, with what hangs on it.
#[derive(Clone, Debug)]
pub struct Borrower {
    /// The content.
    pub content: VolumeSnapshotContent,
    /// Its snapshot in the other namespace.
    pub snapshot: Seen<VolumeSnapshot>,
    /// The claim that is filled through it.
    pub claim: Seen<PersistentVolumeClaim>,
}

/// Returns the snapshot that a second content stands for, and the claim that is filled through it, as `namespace/name`.
pub fn notes(content: &VolumeSnapshotContent) -> Option<(&str, &str)> {
    let annotations = content.metadata.annotations.as_ref()?;
    let claim = annotations.get(labels::FILLS).map(String::as_str).unwrap_or_default();
    Some((annotations.get(labels::STANDS_FOR)?, claim))
}

/// Returns whether a second content stands for the snapshot.
pub fn stands_for(content: &VolumeSnapshotContent, snapshot: &VolumeSnapshot) -> bool {
    let metadata = &snapshot.metadata;
    let full = [&metadata.namespace, &metadata.name].map(|part| part.as_deref().unwrap_or_default()).join("/");
    notes(content).is_some_and(|(of, _)| of == full)
}

/// Returns why the snapshot may not go, if it is lent: its storage's copy would go while a claim is filled from it. What a
/// restore that is long over has left does not count.
pub fn lent_to(snapshot: &VolumeSnapshot, borrowers: &[Borrower], now: Timestamp) -> Option<CliError> {
    let borrower = under_way(snapshot, borrowers, now).next()?;
    let (_, claim) = notes(&borrower.content)?;
    let reference = &borrower.content.spec.volume_snapshot_ref;
    let [namespace, name] = [&reference.namespace, &reference.name].map(|part| part.as_deref().unwrap_or_default());
    let lent = snapshot.metadata.name.as_deref().unwrap_or_default();
    let error =
        CliError::new(format!("VolumeSnapshot {lent:?} is being restored into another namespace, to PVC {claim}"));
    Some(error.hint(format!(
        "Wait until that PVC is bound. If that restore is long over: kubectl backup snapshot delete {name} -n {namespace}"
    )))
}

/// Returns those who are just restoring the snapshot.
pub fn under_way<'a>(
    snapshot: &'a VolumeSnapshot,
    borrowers: &'a [Borrower],
    now: Timestamp,
) -> impl Iterator<Item = &'a Borrower> {
    borrowers.iter().filter(move |borrower| {
        let is_going = borrower.content.metadata.deletion_timestamp.is_some();
        !is_going && stands_for(&borrower.content, snapshot) && is_under_way(borrower, now)
    })
}

fn is_under_way(borrower: &Borrower, now: Timestamp) -> bool {
    let reference = borrower.content.spec.volume_snapshot_ref.name.as_deref();
    let is_young = || {
        let made = borrower.content.metadata.creation_timestamp.as_ref();
        made.is_some_and(|made| now.duration_since(made.0).unsigned_abs() < BEGINNING)
    };
    match (&borrower.claim, &borrower.snapshot) {
        (Seen::There(claim), _) if is_bound(claim) || source(claim) != reference => false,
        (_, Seen::Absent) | (Seen::Absent, _) => is_young(),
        // One that cannot be seen may wait.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(name: &str) -> VolumeSnapshot {
        serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": {},
            "metadata": {"name": name, "namespace": "shop"}}))
        .unwrap()
    }

    fn claim(phase: &str, source: &str) -> Seen<PersistentVolumeClaim> {
        let source = json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": source});
        let claim = json!({"metadata": {"name": "new", "namespace": "test"}, "spec": {"dataSource": source}, "status": {"phase": phase}});
        Seen::There(serde_json::from_value(claim).unwrap())
    }

    fn there() -> Seen<VolumeSnapshot> {
        Seen::There(Box::new(snapshot("new-restore")))
    }

    fn content() -> VolumeSnapshotContent {
        serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotContent",
            "metadata": {"name": "c2", "creationTimestamp": "2026-11-21T09:00:00Z", "annotations":
                {"kubectl-backup.dev/fills": "test/new", "kubectl-backup.dev/stands-for": "shop/s1"}},
            "spec": {"driver": "csi.test", "deletionPolicy": "Retain", "source": {"snapshotHandle": "h"},
                "volumeSnapshotRef": {"name": "new-restore", "namespace": "test"}}}))
        .unwrap()
    }

    fn said(claim: Seen<PersistentVolumeClaim>, seen: Seen<VolumeSnapshot>, minutes: i64) -> Option<String> {
        let made: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        let now = made + jiff::SignedDuration::from_mins(minutes);
        let error = lent_to(&snapshot("s1"), &[Borrower { content: content(), snapshot: seen, claim }], now)?;
        Some(format!("{} | {}", error.message, error.hints.join(" | ")))
    }

    #[test]
    fn a_claim_that_is_being_filled_keeps_what_it_is_filled_from() {
        insta::assert_snapshot!(said(claim("Pending", "new-restore"), there(), 90).unwrap(), @r#"VolumeSnapshot "s1" is being restored into another namespace, to PVC test/new | Wait until that PVC is bound. If that restore is long over: kubectl backup snapshot delete new-restore -n test"#);
        assert!(said(Seen::Hidden, there(), 90).is_some(), "it may not be seen");
        assert!(said(Seen::Absent, there(), 1).is_some(), "it is about to be made");
        assert!(said(Seen::Absent, Seen::Absent, 0).is_some(), "so is its snapshot");
    }

    #[test]
    fn what_a_restore_has_left_keeps_nothing() {
        assert_eq!(said(claim("Bound", "new-restore"), there(), 1), None, "it has its data");
        assert_eq!(said(claim("Pending", "another"), there(), 1), None, "it is another of the same name");
        assert_eq!(said(Seen::Absent, there(), 11), None, "it was never made, or is gone");
        assert_eq!(said(claim("Pending", "new-restore"), Seen::Absent, 11), None, "it can never be filled");
    }

    #[test]
    fn others_are_not_lent() {
        let borrower = || Borrower { content: content(), snapshot: there(), claim: claim("Pending", "new-restore") };
        let now = Timestamp::UNIX_EPOCH;
        assert!(lent_to(&snapshot("s1"), &[borrower()], now).is_some());
        assert!(lent_to(&snapshot("s2"), &[borrower()], now).is_none());
        let mut going = borrower();
        going.content.metadata.deletion_timestamp = going.content.metadata.creation_timestamp.clone();
        assert!(lent_to(&snapshot("s1"), &[going], now).is_none());
    }
}
