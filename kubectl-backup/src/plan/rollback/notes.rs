//! Whether the journal that a run follows is still the one that is written down: another run may have turned it round or
//! ended it, and somebody may have deleted the snapshot that it lies with.

use backup_api::snapshot::VolumeSnapshot;

use super::{Direction, Journal, by_hand, go_on};
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
    /// Nothing: the snapshot is gone. On the way back it is not needed.
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
            if self.journal.direction == Direction::Back {
                return Ok(Standing::Gone);
            }
            let error = CliError::new(format!(
                "VolumeSnapshot {name:?} in namespace {namespace:?} is gone, and with it the notes of the rollback: nothing more was done"
            ));
            return Err(by_hand(&self.journal, namespace).into_iter().fold(error, CliError::hint));
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
    fn without_the_snapshot_it_goes_only_back() {
        insta::assert_snapshot!(said("Forward", None), @r#"VolumeSnapshot "good" in namespace "shop" is gone, and with it the notes of the rollback: nothing more was done | Volume pv-old has the data from before; see it with: kubectl get pv pv-old | Start again what was stopped: kubectl scale deployment/web --replicas=2 -n shop"#);
        let another = snapshot("t", Some(&journal("Forward", false)));
        assert_eq!(said("Forward", Some(&another)), said("Forward", None));
        assert_eq!(said("Back", None), "Gone");
    }
}
