//! From a journal and what is seen to the next step. Each step may be done twice: what is seen decides, not what was done.

use super::{Direction, Journal, Workload, kept::keep_by_hand};

/// What is seen of the cluster.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The PVC of the name.
    pub claim: Option<ClaimSeen>,
    /// The volume with the old data.
    pub kept: Option<VolumeSeen>,
    /// The volume of the PVC, when that is another one.
    pub current: Option<VolumeSeen>,
    /// Pods that use the PVC, in whatever phase: a finished one keeps a PVC from being deleted too.
    pub pods: Vec<String>,
    /// Nodes that the PVC's volume is attached to.
    pub attached: Vec<String>,
    /// The journal's workloads that still exist, in any order.
    pub workloads: Vec<WorkloadSeen>,
    /// The snapshot of the old data.
    pub safety: SafetySeen,
    /// Whether the snapshot that is gone back to can be restored from.
    pub is_source_usable: bool,
}

impl Observed {
    /// As it is for whoever looks once the step was asked for.
    #[must_use]
    pub fn once_begun(&self, step: &Step) -> Self {
        let mut seen = self.clone();
        if let (Step::DeleteClaim { .. }, Some(claim)) = (step, &mut seen.claim) {
            claim.deleting = true;
        }
        seen
    }
}

/// A PVC.
#[derive(Clone, Debug)]
pub struct ClaimSeen {
    /// Its uid.
    pub uid: String,
    /// The version of it that was seen.
    pub version: String,
    /// Whether its deletion was asked for.
    pub deleting: bool,
    /// Whether it has its volume.
    pub bound: bool,
    /// The volume that it has or asks for.
    pub volume: Option<String>,
    /// Whether this rollback made it.
    pub ours: bool,
    /// The snapshot of another rollback that made it.
    pub of_other: Option<String>,
    /// Whether that other one was let go of since: nobody goes back from it any more.
    pub other_is_over: bool,
}

impl ClaimSeen {
    /// Whether this rollback put it where the old one was, or one that came later and cannot be undone by itself.
    pub fn is_in_place(&self) -> bool {
        self.ours || self.other_is_over
    }
}

/// A volume.
#[derive(Clone, Debug)]
pub struct VolumeSeen {
    /// Its name.
    pub name: String,
    /// What becomes of it once nobody claims it.
    pub reclaim_policy: String,
    /// The uid of the PVC that it belongs or belonged to.
    pub claim_uid: Option<String>,
    /// Whether a note on it says what its own reclaim policy is.
    pub is_noted: bool,
    /// Whether its deletion was asked for.
    pub deleting: bool,
    /// Why it holds other data than those its PVC is to be filled with.
    pub other_data: Option<String>,
}

/// A workload.
#[derive(Clone, Debug)]
pub struct WorkloadSeen {
    /// Which one.
    pub workload: Workload,
    /// How many pods it is to have now.
    pub desired: i32,
    /// Whether it has them, ready.
    pub ready: bool,
}

/// The snapshot of the old data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SafetySeen {
    /// There is none (yet).
    #[default]
    Absent,
    /// It is being taken.
    UnderWay,
    /// It is ready.
    Ready,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Take the snapshot of the old data.
    TakeSafety,
    /// Wait until it is ready.
    AwaitSafety,
    /// Scale a workload to this many pods.
    Scale(Workload, i32),
    /// Wait until this pod, which uses the PVC, is gone.
    AwaitPodGone(String),
    /// Wait until the volume is attached nowhere.
    AwaitDetached,
    /// See to it that a volume outlives its PVC.
    Keep(String),
    /// Delete the PVC as it was seen: bound to another volume meanwhile, it would take that with it.
    DeleteClaim {
        /// Its uid.
        uid: String,
        /// The version of it that was seen.
        version: String,
    },
    /// Wait until it is gone.
    AwaitClaimGone(String),
    /// Let a volume be claimed again whose PVC of this uid is gone.
    Free(String, String),
    /// Make the PVC from the snapshot.
    CreateReplacement,
    /// Make the PVC on the old volume.
    CreateOriginal,
    /// Wait until the PVC has its volume.
    AwaitBound,
    /// Give the volume with the old data its own reclaim policy again.
    GiveBack,
    /// Wait until a workload's pods are ready.
    AwaitReady(Workload),
    /// The journal's direction has arrived.
    Arrived,
    /// Somebody else changed what must not change; only a person can go on.
    Stuck(String),
}

/// The next step on the journal's way.
pub fn next(journal: &Journal, seen: &Observed) -> Step {
    match journal.direction {
        Direction::Forward => forward(journal, seen),
        Direction::Back => back(journal, seen),
    }
}

fn forward(journal: &Journal, seen: &Observed) -> Step {
    let Some(claim) = &seen.claim else {
        return match seen.kept {
            Some(_) if !seen.is_source_usable => source_lost(),
            Some(_) => Step::CreateReplacement,
            None => Step::Stuck(format!("volume {:?} with the old data is gone", journal.kept.volume)),
        };
    };
    if claim.uid == journal.kept.claim_uid {
        if !seen.is_source_usable {
            return source_lost();
        }
        if journal.safety.is_some() && !claim.deleting {
            match seen.safety {
                SafetySeen::Absent => return Step::TakeSafety,
                SafetySeen::UnderWay => return Step::AwaitSafety,
                SafetySeen::Ready => {}
            }
        }
        return remove(claim, seen.kept.as_ref(), seen);
    }
    if !claim.ours {
        return foreign(journal, claim);
    }
    if claim.deleting {
        return Step::AwaitClaimGone(claim.uid.clone());
    }
    if !claim.bound && !journal.binds_late {
        return Step::AwaitBound;
    }
    match other_data(journal, claim, seen) {
        Some(why) => Step::Stuck(why),
        None => start_again(journal, seen),
    }
}

/// Why the data that the PVC has are not those that it is to be filled with. A PVC may be bound to any volume that fits,
/// also when it names what it is to be filled from.
pub fn other_data(journal: &Journal, claim: &ClaimSeen, seen: &Observed) -> Option<String> {
    let volume = claim.volume.as_deref().filter(|_| claim.bound)?;
    if volume == journal.kept.volume {
        return Some(format!("it has volume {volume:?} with the old data again"));
    }
    match &seen.current {
        Some(current) => current.other_data.clone(),
        None => Some(format!("its volume {volume:?} cannot be seen")),
    }
}

fn source_lost() -> Step {
    Step::Stuck("the snapshot is being deleted, or not ready any more: nothing can be filled from it".to_owned())
}

fn back(journal: &Journal, seen: &Observed) -> Step {
    let Some(kept) = &seen.kept else {
        return Step::Stuck(format!("volume {:?} with the old data is gone", journal.kept.volume));
    };
    let is_on_kept = seen.claim.as_ref().is_some_and(|claim| claim.volume.as_ref() == Some(&journal.kept.volume));
    if let Some(claim) = seen.claim.as_ref().filter(|claim| !is_on_kept && !claim.is_in_place()) {
        return foreign(journal, claim);
    }
    if let Some(why) = going(kept).filter(|_| !is_on_kept) {
        return Step::Stuck(why);
    }
    let Some(claim) = &seen.claim else {
        return match &kept.claim_uid {
            Some(uid) => Step::Free(kept.name.clone(), uid.clone()),
            None => Step::CreateOriginal,
        };
    };
    if is_on_kept {
        if claim.deleting {
            return remove(claim, Some(kept), seen);
        }
        if !claim.bound {
            return Step::AwaitBound;
        }
        if kept.is_noted {
            return Step::GiveBack;
        }
        return start_again(journal, seen);
    }
    remove(claim, seen.current.as_ref(), seen)
}

/// Why the old data may be gone soon, where no PVC holds them: nothing else may be taken away for them.
fn going(kept: &VolumeSeen) -> Option<String> {
    let (name, policy) = (&kept.name, &kept.reclaim_policy);
    if kept.deleting {
        return Some(format!("volume {name:?} with the old data is being deleted"));
    }
    // The driver deletes first and says so afterwards: whoever kept it now might keep nothing.
    (policy != "Retain").then(|| {
        format!(
            "volume {name:?} with the old data was let go: its reclaim policy is {policy}, and its driver may be deleting what it has on the storage. If that is there still, keep it, then go on: {}",
            keep_by_hand(name)
        )
    })
}

/// Stops whatever uses the PVC, then removes it. Its volume is made to stay before anything else is touched.
fn remove(claim: &ClaimSeen, volume: Option<&VolumeSeen>, seen: &Observed) -> Step {
    match volume {
        Some(volume) if volume.reclaim_policy != "Retain" => return Step::Keep(volume.name.clone()),
        None if claim.bound => {
            return Step::Stuck("the PVC's volume cannot be seen, so that it cannot be kept".to_owned());
        }
        _ => {}
    }
    if let Some(running) = seen.workloads.iter().find(|workload| workload.desired != 0) {
        return Step::Scale(running.workload.clone(), 0);
    }
    if let Some(pod) = seen.pods.first() {
        return Step::AwaitPodGone(pod.clone());
    }
    if claim.deleting {
        return Step::AwaitClaimGone(claim.uid.clone());
    }
    if !seen.attached.is_empty() {
        return Step::AwaitDetached;
    }
    Step::DeleteClaim { uid: claim.uid.clone(), version: claim.version.clone() }
}

fn start_again(journal: &Journal, seen: &Observed) -> Step {
    let of = |workload: &Workload| seen.workloads.iter().find(|seen| seen.workload == *workload);
    let started = journal.workloads.iter().filter(|workload| workload.replicas > 0);
    for workload in started.clone() {
        if of(workload).is_some_and(|seen| seen.desired == 0) {
            return Step::Scale(workload.clone(), workload.replicas);
        }
    }
    for workload in started {
        if of(workload).is_some_and(|seen| !seen.ready) {
            return Step::AwaitReady(workload.clone());
        }
    }
    Step::Arrived
}

fn foreign(journal: &Journal, claim: &ClaimSeen) -> Step {
    Step::Stuck(match claim.of_other.as_ref().filter(|_| !claim.other_is_over) {
        Some(other) => {
            format!(
                "the rollback to VolumeSnapshot {other:?} has replaced it since: undo that one first, then this one"
            )
        }
        None => format!(
            "somebody else made a PVC {:?} in the meantime: save what it holds, delete that PVC, then go on",
            journal.claim()
        ),
    })
}

#[cfg(test)]
mod tests;
