//! How far a claim is from a refusal that holds, and how claims are judged on the way.
//!
//! A refusal may not stand on a copy that is out of date. So a claim that finds no room waits for a read (or write) of the
//! ledger that began after it arrived, then for a look at every slot of it that began after that; if all slots still hold,
//! there was no room at the moment of the read.

use std::collections::BTreeSet;

use crate::{
    claim::{RequestId, Standing},
    effect::Effect,
    event::Copy,
    identity::Object,
    limits::Limits,
    replica::{Known, Replica, queue::Waiting, refuse},
    rules::admit::{Admission, admit, record},
    status::{LedgerStatus, Phase},
    verdict::{Refusal, Verdict},
};

/// How far the proof of a refusal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stage {
    /// Nothing was read since it arrived.
    Arrived,
    /// A read or write of the ledger is under way.
    Reading,
    /// The ledger was current after it arrived.
    Read,
    /// There was no room in that ledger; its slots have to be looked at.
    Blocked,
    /// They are being looked at.
    Looking,
    /// They were.
    Looked,
    /// There was no room, but there may be soon: creates are under way.
    Parked,
}

/// What one pass over the queue led to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Claims that are recorded in the draft and may be answered when it is stored.
    pub(super) accepted: BTreeSet<RequestId>,
    /// Whether some claim waits for a read.
    pub(super) read_wanted: bool,
}

enum Judgement {
    Reply(Verdict),
    Accept,
    WantRead,
    Wait(Stage),
}

impl Replica {
    /// Judges all claims on one running draft; whoever is not accepted or answered keeps waiting.
    pub(super) fn judge_all(&mut self, copy: &Copy, draft: &mut LedgerStatus, effects: &mut Vec<Effect>) -> Judged {
        let mut judged = Judged::default();
        let not_ready = (copy.status.phase == Phase::Initializing).then(|| self.quarantine.refusal());
        let ground = Ground { stored: &copy.status, not_ready, limits: &self.limits, verified: &self.verified };
        for mut waiting in self.queue.take_all() {
            match judge(&waiting, &ground, draft) {
                Judgement::Reply(verdict) => {
                    effects.push(Effect::Reply { request: waiting.claim.request, verdict });
                    continue;
                }
                Judgement::Accept => {
                    judged.accepted.insert(waiting.claim.request);
                }
                Judgement::WantRead => {
                    waiting.stage = Stage::Arrived;
                    judged.read_wanted = true;
                }
                Judgement::Wait(stage) => waiting.stage = stage,
            }
            self.queue.keep(waiting);
        }
        judged
    }

    /// Without a ledger nobody can be recorded; accounts that are never refused wait until it is there.
    pub(super) fn refuse_all_limited(&mut self, effects: &mut Vec<Effect>) {
        for waiting in self.queue.take_all() {
            match waiting.claim.standing {
                Standing::Limited => effects.push(refuse(waiting.claim.request, Refusal::Initializing)),
                Standing::NeverRefused => self.queue.keep(waiting),
            }
        }
    }

    /// The last word on a claim. Not knowing is a refusal.
    pub(super) fn deadline(&mut self, request: RequestId, effects: &mut Vec<Effect>) {
        let Some(waiting) = self.queue.take(request) else { return };
        let verdict = match waiting.claim.standing {
            Standing::NeverRefused => Verdict::AdmittedUnrecorded,
            Standing::Limited => Verdict::Refused(self.last_refusal(&waiting)),
        };
        effects.push(Effect::Reply { request, verdict });
    }

    fn last_refusal(&self, waiting: &Waiting) -> Refusal {
        let Known::Read(copy) = &self.known else { return Refusal::TimedOut };
        if waiting.stage != Stage::Parked {
            return Refusal::TimedOut;
        }
        let mut draft = copy.status.clone();
        self.evidence.apply(&mut draft);
        match admit(&draft, &waiting.claim, &self.limits) {
            // Whoever filled the ledger meanwhile was not looked at.
            Admission::Refused(refusal) if !refusal.is_final() => refusal,
            _ => Refusal::TimedOut,
        }
    }
}

/// What a claim is judged on.
struct Ground<'a> {
    stored: &'a LedgerStatus,
    not_ready: Option<Refusal>,
    limits: &'a Limits,
    verified: &'a BTreeSet<Object>,
}

impl Ground<'_> {
    /// Whether every slot of a draft is held by an object that the last look has verified.
    fn is_verified(&self, draft: &LedgerStatus) -> bool {
        draft.live().count() == draft.slots.len() && draft.live().all(|object| self.verified.contains(&object))
    }
}

fn judge(waiting: &Waiting, ground: &Ground<'_>, draft: &mut LedgerStatus) -> Judgement {
    let claim = &waiting.claim;
    if ground.stored.records(&claim.object) {
        // I3 holds for it already: the answer to an earlier call, or to an earlier write, was lost.
        return Judgement::Reply(Verdict::Admitted);
    }
    if let (Some(refusal), Standing::Limited) = (&ground.not_ready, claim.standing) {
        return Judgement::Reply(Verdict::Refused(refusal.clone()));
    }
    match admit(draft, claim, ground.limits) {
        Admission::Room if !claim.dry_run => {
            record(draft, claim);
            Judgement::Accept
        }
        Admission::Room if waiting.stage < Stage::Read => Judgement::WantRead,
        Admission::Room => Judgement::Reply(Verdict::Admitted),
        Admission::Unrecordable => Judgement::Reply(Verdict::AdmittedUnrecorded),
        Admission::Refused(refusal) => match waiting.stage {
            Stage::Arrived | Stage::Reading => Judgement::WantRead,
            Stage::Read | Stage::Blocked => Judgement::Wait(Stage::Blocked),
            Stage::Looking => Judgement::Wait(Stage::Looking),
            Stage::Looked if refusal.is_final() && ground.is_verified(draft) => {
                Judgement::Reply(Verdict::Refused(refusal))
            }
            // Somebody holds a slot who was not looked at: that needs a proof of its own.
            Stage::Looked | Stage::Parked if refusal.is_final() => Judgement::WantRead,
            Stage::Looked | Stage::Parked => Judgement::Wait(Stage::Parked),
        },
    }
}
