//! Whether the journal that a run follows is still the one that is written down: another run may have turned it round or
//! ended it, and somebody may have deleted the snapshot that it lies with.

use backup_api::snapshot::VolumeSnapshot;

use super::{Direction, Journal, Observed, both_ways, by_hand, go_on};
use crate::error::{CliError, Result};

/// A journal and where it is written.
#[derive(Clone, Debug)]
pub struct Notes {
    /// The snapshot that it lies with.
    pub snapshot: String,
    /// That snapshot's uid: another of the same name has other data.
    pub uid: String,
    /// The journal.
    pub journal: Journal,
}

/// What is found where the journal was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The journal.
    Written,
    /// Nothing: the snapshot is gone. On the way back it is not needed, on the way forward it is.
    Gone,
}

impl Notes {
    /// Reads the journal of a snapshot; `None` when it has none.
    ///
    /// # Errors
    /// When it was written by something else.
    pub fn of(snapshot: &VolumeSnapshot) -> Result<Option<Self>> {
        let metadata = &snapshot.metadata;
        let [name, uid] = [&metadata.name, &metadata.uid].map(|part| part.clone().unwrap_or_default());
        Ok(Journal::of(snapshot)?.map(|journal| Self { snapshot: name, uid, journal }))
    }

    /// Compares them with what is written down now.
    ///
    /// # Errors
    /// When that is something else: the run must not do anything more.
    pub fn check(&self, found: Option<&VolumeSnapshot>, namespace: &str) -> Result<Standing> {
        let name = &self.snapshot;
        let Some(found) = found.filter(|found| found.metadata.uid.as_deref() == Some(&self.uid)) else {
            return Ok(Standing::Gone);
        };
        let nothing_more = "this run did nothing more";
        match Journal::of(found)? {
            Some(journal) if written(&journal) == written(&self.journal) => Ok(Standing::Written),
            Some(journal) => {
                let error = CliError::new(format!(
                    "another run goes on with the rollback of PVC {:?} to VolumeSnapshot {name:?}: {nothing_more}",
                    journal.claim()
                ));
                Err(if journal.done { error } else { error.hint(go_on(name, namespace)) })
            }
            None => Err(CliError::new(format!(
                "another run has ended the rollback of PVC {:?} to VolumeSnapshot {name:?}: {nothing_more}",
                self.journal.claim()
            ))
            .hint(format!("See the PVC with: kubectl describe pvc {} -n {namespace}", self.journal.claim()))),
        }
    }

    /// The end of a run that cannot go on without the snapshot, with the way back by hand.
    pub fn lost(&self, seen: &Observed, namespace: &str) -> CliError {
        let error = CliError::new(format!(
            "VolumeSnapshot {:?} in namespace {namespace:?} is gone, and with it the notes of the rollback: nothing more was done",
            self.snapshot
        ));
        by_hand(&self.journal, seen, namespace).into_iter().fold(error, CliError::hint)
    }

    /// The ways out for whoever stops here: what is written down leads on, else what is to be done by hand.
    pub fn ways_out(&self, error: CliError, by_hand: &[String], namespace: &str) -> CliError {
        match self.journal.direction {
            _ if !by_hand.is_empty() => by_hand.iter().cloned().fold(error, CliError::hint),
            Direction::Forward => both_ways(error, &self.snapshot, namespace),
            Direction::Back => error.hint(go_on(&self.snapshot, namespace)),
        }
    }

    /// The same for whoever interrupts the run.
    pub fn interrupted(&self, by_hand: &[String], namespace: &str) -> String {
        let claim = self.journal.claim();
        if by_hand.is_empty() {
            return format!("The rollback of PVC {claim:?} is not finished. {}", go_on(&self.snapshot, namespace));
        }
        format!(
            "The rollback of PVC {claim:?} is not finished, and nothing is written down of it any more.\n{}",
            by_hand.join("\n")
        )
    }
}

/// The version of a snapshot that was changed while a rollback to it was about to be written down, to write it in the place
/// of. Its controllers write to it too, which changes nothing.
///
/// # Errors
/// When it is gone or another, or another run has begun a rollback to it.
pub fn begun_from(read: &VolumeSnapshot, found: Option<&VolumeSnapshot>, namespace: &str) -> Result<Option<String>> {
    let name = read.metadata.name.as_deref().unwrap_or_default();
    let subject = format!("VolumeSnapshot {name:?} in namespace {namespace:?}");
    let found = found.filter(|it| it.metadata.uid == read.metadata.uid && it.metadata.deletion_timestamp.is_none());
    let Some(found) = found else {
        return Err(CliError::new(format!("{subject} was deleted at this moment; nothing was changed"))
            .hint(format!("See the others with: kubectl backup snapshot list -n {namespace}")));
    };
    if Journal::of(found)?.is_some() {
        let error = CliError::new(format!("a rollback to {subject} is under way: another run has begun it"));
        return Err(both_ways(error, name, namespace));
    }
    Ok(found.metadata.resource_version.clone())
}

/// As it is written: what is read back may leave out what is empty.
fn written(journal: &Journal) -> Option<serde_json::Value> {
    serde_json::to_value(journal).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::rollback::ROLLBACK;

    fn journal(direction: &str, done: bool) -> Value {
        let claim = json!({"metadata": {"name": "data"}});
        let kept = json!({"volume": "pv-old", "claimUid": "u", "reclaimPolicy": "Delete"});
        json!({"direction": direction, "done": done, "original": claim, "replacement": claim, "bindsLate": false,
            "kept": kept, "workloads": [{"kind": "Deployment", "name": "web", "replicas": 2}], "safety": null})
    }

    fn snapshot(uid: &str, journal: Option<&Value>) -> VolumeSnapshot {
        serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": {},
            "metadata": {"name": "good", "namespace": "shop", "uid": uid,
                "annotations": journal.map(|journal| json!({ROLLBACK: journal.to_string()}))}}))
        .unwrap()
    }

    fn said(direction: &str, found: Option<&VolumeSnapshot>) -> String {
        let notes = Notes::of(&snapshot("s", Some(&journal(direction, false)))).unwrap().unwrap();
        match notes.check(found, "shop") {
            Ok(standing) => format!("{standing:?}"),
            Err(error) => format!("{} | {}", error.message, error.hints.join(" | ")),
        }
    }

    #[test]
    fn a_run_goes_on_only_with_what_is_written_down() {
        let same = snapshot("s", Some(&journal("Forward", false)));
        assert_eq!(said("Forward", Some(&same)), "Written");
        insta::assert_snapshot!(said("Forward", Some(&snapshot("s", Some(&journal("Back", false))))), @r#"another run goes on with the rollback of PVC "data" to VolumeSnapshot "good": this run did nothing more | Go on with: kubectl backup snapshot rollback good --continue -n shop"#);
        insta::assert_snapshot!(said("Forward", Some(&snapshot("s", Some(&journal("Forward", true))))), @r#"another run goes on with the rollback of PVC "data" to VolumeSnapshot "good": this run did nothing more |"#);
        insta::assert_snapshot!(said("Forward", Some(&snapshot("s", None))), @r#"another run has ended the rollback of PVC "data" to VolumeSnapshot "good": this run did nothing more | See the PVC with: kubectl describe pvc data -n shop"#);
    }

    #[test]
    fn a_rollback_begins_over_others_changes_of_its_snapshot_but_over_no_other_run() {
        let read = snapshot("s", None);
        let mut found = read.clone();
        found.metadata.resource_version = Some("8".into());
        assert_eq!(begun_from(&read, Some(&found), "shop").unwrap().as_deref(), Some("8"));
        let refused = |found: Option<&VolumeSnapshot>| begun_from(&read, found, "shop").unwrap_err();
        insta::assert_snapshot!(refused(None).message, @r#"VolumeSnapshot "good" in namespace "shop" was deleted at this moment; nothing was changed"#);
        insta::assert_snapshot!(refused(Some(&snapshot("t", None))).message, @r#"VolumeSnapshot "good" in namespace "shop" was deleted at this moment; nothing was changed"#);
        insta::assert_snapshot!(refused(Some(&snapshot("s", Some(&journal("Forward", false))))).message, @r#"a rollback to VolumeSnapshot "good" in namespace "shop" is under way: another run has begun it"#);
        let mut deleted = read.clone();
        deleted.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        refused(Some(&deleted));
    }

    #[test]
    fn without_the_snapshot_only_a_person_can_go_on() {
        let another = snapshot("t", Some(&journal("Forward", false)));
        assert_eq!((said("Forward", Some(&another)), said("Forward", None)), ("Gone".into(), "Gone".into()));
        assert_eq!(said("Back", None), "Gone");
        let text = |error: CliError| format!("{} | {}", error.message, error.hints.join(" | "));
        let notes = |way| Notes::of(&snapshot("s", Some(&journal(way, false)))).unwrap().unwrap();
        let lost = text(notes("Forward").lost(&Observed::default(), "shop"));
        assert!(
            lost.starts_with("VolumeSnapshot \"good\" in namespace \"shop\" is gone, and with it the notes"),
            "{lost}"
        );
        assert!(lost.contains("kubectl create -n shop") && !lost.contains("--continue"), "{lost}");
        let by_hand = by_hand(&notes("Back").journal, &Observed::default(), "shop");
        let stopped = |way, by_hand: &[String]| {
            let notes = notes(way);
            format!(
                "{}\n{}",
                text(notes.ways_out(CliError::new("x"), by_hand, "shop")),
                notes.interrupted(by_hand, "shop")
            )
        };
        let lost = stopped("Back", &by_hand);
        assert!(!lost.contains("--continue") && lost.matches("kubectl create -n shop").count() == 2, "{lost}");
        insta::assert_snapshot!(stopped("Back", &[]), @r#"
        x | Go on with: kubectl backup snapshot rollback good --continue -n shop
        The rollback of PVC "data" is not finished. Go on with: kubectl backup snapshot rollback good --continue -n shop
        "#);
        assert!(stopped("Forward", &[]).contains("--undo"));
    }
}
