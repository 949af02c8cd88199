//! A small cluster that does what a step says, and runs that end and turn round anywhere.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::plan::rollback::{Kept, WorkloadKind};

const OLD: &str = "pv-old";

#[derive(Clone, Debug)]
struct World {
    claim: Option<ClaimSeen>,
    volumes: BTreeMap<String, VolumeSeen>,
    workload: WorkloadSeen,
    pods: Vec<String>,
    safety: SafetySeen,
    attached: Vec<String>,
    born: u32,
}

fn claim(uid: &str) -> ClaimSeen {
    ClaimSeen {
        uid: uid.into(),
        version: format!("{uid}-1"),
        deleting: false,
        bound: true,
        volume: None,
        ours: false,
        of_other: None,
        other_is_over: false,
    }
}

fn volume(name: &str) -> VolumeSeen {
    VolumeSeen {
        name: name.into(),
        reclaim_policy: "Delete".into(),
        claim_uid: None,
        is_noted: false,
        deleting: false,
        other_data: None,
    }
}

fn workload() -> Workload {
    Workload { kind: WorkloadKind::Deployment, name: "app".into(), replicas: 2 }
}

fn journal(direction: Direction, binds_late: bool, safety: bool, policy: &str) -> Journal {
    Journal {
        direction,
        done: false,
        original: serde_json::from_value(serde_json::json!({"metadata": {"name": "data"}})).unwrap(),
        replacement: serde_json::from_value(serde_json::json!({"metadata": {"name": "data"}})).unwrap(),
        binds_late,
        kept: Kept { volume: OLD.into(), claim_uid: "u0".into(), reclaim_policy: policy.into() },
        workloads: vec![workload()],
        safety: safety.then(|| "before".into()),
        safety_is_optional: false,
        left_volumes: Vec::new(),
    }
}

impl World {
    fn new(policy: &str) -> Self {
        let claim = ClaimSeen { volume: Some(OLD.into()), ..claim("u0") };
        let volume = VolumeSeen { reclaim_policy: policy.into(), claim_uid: Some("u0".into()), ..volume(OLD) };
        Self {
            claim: Some(claim),
            volumes: BTreeMap::from([(OLD.into(), volume)]),
            workload: WorkloadSeen { workload: workload(), desired: 2, ready: true },
            pods: vec!["app-1".into(), "app-2".into()],
            safety: SafetySeen::Absent,
            attached: vec!["node".into()],
            born: 0,
        }
    }

    fn seen(&self) -> Observed {
        let current = self.claim.as_ref().and_then(|claim| claim.volume.as_ref()).filter(|name| *name != OLD);
        Observed {
            claim: self.claim.clone(),
            kept: self.volumes.get(OLD).cloned(),
            current: current.and_then(|name| self.volumes.get(name)).cloned(),
            pods: self.pods.clone(),
            attached: self.attached.clone(),
            workloads: vec![self.workload.clone()],
            safety: self.safety,
            is_source_usable: true,
        }
    }

    /// What the cluster's controllers do meanwhile.
    fn settle(&mut self, binds_late: bool) {
        if self.safety == SafetySeen::UnderWay {
            self.safety = SafetySeen::Ready;
        }
        // A volume is detached some time after its last pod is gone.
        if self.pods.is_empty() {
            self.attached.clear();
        }
        if self.workload.desired == 0 {
            self.pods.clear();
            self.workload.ready = false;
        } else if self.pods.is_empty() && self.claim.is_some() {
            self.pods = vec!["app-3".into()];
        }
        if self.claim.as_ref().is_some_and(|claim| claim.deleting) && self.pods.is_empty() {
            let gone = self.claim.take().unwrap();
            let volume = gone.volume.filter(|_| gone.bound).unwrap_or_default();
            if self.volumes.get(&volume).is_some_and(|volume| volume.reclaim_policy == "Delete") {
                self.volumes.remove(&volume);
            }
        }
        let used = !self.pods.is_empty();
        if let Some(claim) =
            self.claim.as_mut().filter(|claim| !claim.bound && (used || !binds_late || claim.volume.is_some()))
        {
            let name = claim.volume.clone().unwrap_or_else(|| format!("pv-{}", claim.uid));
            let made = volume(&name);
            let volume = self.volumes.entry(name.clone()).or_insert(made);
            assert!(volume.claim_uid.is_none(), "a volume that belongs to a gone PVC cannot be claimed");
            volume.claim_uid = Some(claim.uid.clone());
            (claim.bound, claim.volume) = (true, Some(name));
        }
        if used && self.claim.as_ref().is_some_and(|claim| claim.bound) {
            self.attached = vec!["node".into()];
        }
        self.workload.ready = self.workload.desired > 0 && self.claim.as_ref().is_some_and(|claim| claim.bound) && used;
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::TakeSafety => self.safety = SafetySeen::UnderWay,
            Step::Scale(_, pods) => self.workload.desired = *pods,
            Step::Keep(name) => {
                let volume = self.volumes.get_mut(name).unwrap();
                (volume.reclaim_policy, volume.is_noted) = ("Retain".into(), true);
            }
            Step::DeleteClaim { uid, version } => {
                let claim = self.claim.as_mut().unwrap();
                assert_eq!((&claim.uid, &claim.version), (uid, version), "another PVC is deleted than was seen");
                assert!(self.pods.is_empty(), "a PVC is deleted under its pods");
                assert!(self.attached.is_empty(), "a PVC is deleted while its volume is attached");
                claim.deleting = true;
            }
            Step::Free(name, uid) => {
                let volume = self.volumes.get_mut(name).unwrap();
                assert_eq!(volume.claim_uid.take().as_ref(), Some(uid));
            }
            Step::CreateReplacement | Step::CreateOriginal => {
                assert!(self.claim.is_none(), "a PVC of the name is there");
                self.born += 1;
                let volume = (*step == Step::CreateOriginal).then(|| OLD.to_owned());
                let ours = *step == Step::CreateReplacement;
                self.claim = Some(ClaimSeen { bound: false, volume, ours, ..claim(&format!("u{}", self.born)) });
            }
            Step::GiveBack => {
                let volume = self.volumes.get_mut(OLD).unwrap();
                assert!(volume.is_noted, "a policy is given back that nobody noted");
                (volume.reclaim_policy, volume.is_noted) = ("Delete".into(), false);
            }
            Step::Stuck(why) => panic!("stuck: {why}"),
            Step::AwaitSafety
            | Step::AwaitPodGone(_)
            | Step::AwaitDetached
            | Step::AwaitClaimGone(_)
            | Step::AwaitBound
            | Step::AwaitReady(_)
            | Step::Arrived => {}
        }
    }
}

proptest! {
    #[test]
    fn it_arrives_whenever_it_is_turned_round_and_loses_neither_volume(
        turns in prop::collection::vec(0usize..14, 0..3),
        binds_late: bool, safety: bool,
        retain: bool,
        slow in prop::collection::vec(any::<bool>(), 60),
    ) {
        let policy = if retain { "Retain" } else { "Delete" };
        let mut world = World::new(policy);
        // Back is the only way to turn: a rollback that was undone begins anew.
        let mut journal = journal(Direction::Forward, binds_late, safety, policy);
        let turn = turns.iter().sum::<usize>();
        let mut arrived = false;
        for (count, slow) in slow.iter().enumerate() {
            if !turns.is_empty() && count == turn {
                journal.direction = Direction::Back;
            }
            let before = world.volumes.len();
            let step = next(&journal, &world.seen());
            world.take(&step);
            if !slow {
                world.settle(binds_late);
            }
            prop_assert!(world.volumes.contains_key(OLD), "the old data are lost after {step:?}");
            prop_assert!(world.volumes.len() >= before, "data are lost after {step:?}");
            arrived = step == Step::Arrived;
            if arrived && (turns.is_empty() || count >= turn) {
                break;
            }
        }
        for _ in 0..40 {
            world.settle(binds_late);
            let step = next(&journal, &world.seen());
            arrived = step == Step::Arrived;
            world.take(&step);
        }
        prop_assert!(arrived, "{world:?}");
        let claim = world.claim.unwrap();
        let on_old = claim.volume.as_deref() == Some(OLD);
        prop_assert!(claim.bound && !claim.deleting && world.workload.desired == 2 && world.workload.ready);
        prop_assert_eq!(on_old, journal.direction == Direction::Back);
        if on_old {
            prop_assert_eq!(&world.volumes[OLD].reclaim_policy, policy);
            prop_assert!(!world.volumes[OLD].is_noted);
        } else {
            prop_assert_eq!(&world.volumes[OLD].reclaim_policy, "Retain");
        }
        if safety && journal.direction == Direction::Forward {
            prop_assert_eq!(world.safety, SafetySeen::Ready);
        }
    }
}

#[test]
fn a_pvc_of_somebody_else_is_not_touched() {
    let mut world = World::new("Delete");
    let other = ClaimSeen { volume: Some("pv-x".into()), ..claim("x") };
    world.claim = Some(other.clone());
    for direction in [Direction::Forward, Direction::Back] {
        let step = next(&journal(direction, false, false, "Delete"), &world.seen());
        let Step::Stuck(why) = step else { panic!("{step:?}") };
        assert!(
            why.contains("somebody else made a PVC \"data\"") && why.contains("delete that PVC, then go on"),
            "{why}"
        );
    }
    world.claim = Some(ClaimSeen { of_other: Some("later".into()), ..other });
    let step = next(&journal(Direction::Back, false, false, "Delete"), &world.seen());
    assert!(matches!(&step, Step::Stuck(why) if why.contains("\"later\" has replaced it since")), "{step:?}");
}

#[test]
fn past_a_later_rollback_that_was_let_go_of_there_is_a_way_back() {
    let mut world = World::new("Retain");
    world.claim = Some(ClaimSeen {
        volume: Some("pv-later".into()),
        of_other: Some("later".into()),
        other_is_over: true,
        ..claim("u2")
    });
    world.volumes.insert("pv-later".into(), VolumeSeen { claim_uid: Some("u2".into()), ..volume("pv-later") });
    let back = journal(Direction::Back, false, false, "Retain");
    // What is there now is made to stay first.
    assert_eq!(next(&back, &world.seen()), Step::Keep("pv-later".into()));
    for _ in 0..40 {
        let step = next(&back, &world.seen());
        world.take(&step);
        world.settle(false);
    }
    assert_eq!(next(&back, &world.seen()), Step::Arrived);
    assert_eq!(world.claim.as_ref().and_then(|claim| claim.volume.as_deref()), Some(OLD));
    assert_eq!(world.volumes["pv-later"].reclaim_policy, "Retain");
    // On the way forward nobody is made to undo what cannot be undone.
    world.claim = Some(ClaimSeen { of_other: Some("later".into()), other_is_over: true, ..claim("u3") });
    let step = next(&journal(Direction::Forward, false, false, "Retain"), &world.seen());
    assert!(matches!(&step, Step::Stuck(why) if why.contains("somebody else made a PVC")), "{step:?}");
}

#[test]
fn without_the_old_volume_nothing_is_made() {
    let mut world = World::new("Delete");
    (world.claim, world.volumes) = (None, BTreeMap::new());
    for direction in [Direction::Forward, Direction::Back] {
        assert!(matches!(next(&journal(direction, false, false, "Delete"), &world.seen()), Step::Stuck(_)));
    }
}

#[test]
fn nothing_is_taken_away_for_old_data_that_are_about_to_go() {
    let mut world = World::new("Retain");
    world.claim = Some(ClaimSeen { volume: Some("pv-new".into()), ours: true, ..claim("u1") });
    world.volumes.insert("pv-new".into(), volume("pv-new"));
    let back = journal(Direction::Back, false, false, "Delete");
    assert_eq!(next(&back, &world.seen()), Step::Keep("pv-new".into()));
    let stuck = |world: &World| match next(&back, &world.seen()) {
        Step::Stuck(why) => why,
        step => panic!("{step:?}"),
    };
    let mut going = world.clone();
    going.volumes.get_mut(OLD).unwrap().deleting = true;
    insta::assert_snapshot!(stuck(&going), @r#"volume "pv-old" with the old data is being deleted"#);
    let mut let_go = world;
    let_go.volumes.get_mut(OLD).unwrap().reclaim_policy = "Delete".into();
    insta::assert_snapshot!(stuck(&let_go), @r#"volume "pv-old" with the old data was let go: its reclaim policy is Delete, and its driver may be deleting what it has on the storage. If that is there still, keep it, then go on: kubectl patch pv pv-old -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'"#);
    let_go.claim = None;
    stuck(&let_go);
}

#[test]
fn a_volume_that_cannot_be_seen_keeps_its_pvc() {
    let mut world = World::new("Delete");
    world.volumes.clear();
    assert!(matches!(next(&journal(Direction::Forward, false, false, "Delete"), &world.seen()), Step::Stuck(_)));
}

#[test]
fn nothing_is_taken_away_for_a_snapshot_that_cannot_fill_it() {
    let mut world = World::new("Delete");
    let journal = journal(Direction::Forward, false, false, "Delete");
    let lost = |world: &World| next(&journal, &Observed { is_source_usable: false, ..world.seen() });
    assert!(matches!(lost(&world), Step::Stuck(_)));
    world.claim = None;
    assert!(matches!(lost(&world), Step::Stuck(_)));
    // Once it has filled its PVC, it is needed no more.
    let filled = ClaimSeen { volume: Some("pv-new".into()), ours: true, ..claim("u1") };
    world.claim = Some(filled);
    world.volumes.insert("pv-new".into(), volume("pv-new"));
    assert_eq!(lost(&world), Step::Arrived);
}

#[test]
fn a_pvc_with_other_data_is_not_said_to_be_rolled_back() {
    let mut world = World::new("Delete");
    let journal = journal(Direction::Forward, false, false, "Delete");
    let mut arrives = |name: &str, other_data: Option<&str>| {
        world.claim = Some(ClaimSeen { volume: Some(name.into()), ours: true, ..claim("u1") });
        let other_data = other_data.map(Into::into);
        world.volumes.insert(name.into(), VolumeSeen { other_data, ..volume(name) });
        next(&journal, &world.seen())
    };
    assert_eq!(arrives("pv-new", None), Step::Arrived);
    assert_eq!(arrives("pv-free", Some("it was there before")), Step::Stuck("it was there before".into()));
    assert!(matches!(arrives(OLD, None), Step::Stuck(why) if why.contains("old data again")));
    world.volumes.remove("pv-free");
    world.claim = Some(ClaimSeen { volume: Some("pv-free".into()), ours: true, ..claim("u1") });
    assert!(matches!(next(&journal, &world.seen()), Step::Stuck(_)), "a volume that cannot be seen");
}
