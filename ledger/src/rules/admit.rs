//! CLAIM: may this object be recorded?

use crate::{
    claim::{Claim, Standing},
    limits::Limits,
    status::{LedgerStatus, MAX_PENDING, MAX_SLOTS, Pending},
    verdict::Refusal,
};

/// What the ledger says to a claim.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// There is room, or the object is recorded already.
    Room,
    /// There is none.
    Refused(Refusal),
    /// The account is never refused, but the ledger cannot hold more.
    Unrecordable,
}

/// Decides a claim. Leans on no assumption: a slot is only granted while there are fewer than the limit (I2).
pub(crate) fn admit(status: &LedgerStatus, claim: &Claim, limits: &Limits) -> Admission {
    if status.records(&claim.object) {
        return Admission::Room;
    }
    let limited = claim.standing == Standing::Limited;
    match refusal(status, claim, limits, limited) {
        None => Admission::Room,
        Some(refusal) if limited => Admission::Refused(refusal),
        Some(_) => Admission::Unrecordable,
    }
}

fn refusal(status: &LedgerStatus, claim: &Claim, limits: &Limits, limited: bool) -> Option<Refusal> {
    if status.pending().count() >= MAX_PENDING {
        return Some(Refusal::Overloaded);
    }
    if let Some(slot) = status.slots.get(&claim.object.key) {
        // A slot beyond the limit was taken for somebody who is never refused, and is nobody else's way in.
        if limited && status.slots.len() > limits.limit {
            return full(status, limits);
        }
        // A second create of the same key cannot become a second object: it shares the slot.
        let pending = slot.pend.len();
        return match limited {
            true if pending >= limits.pending_per_key => {
                Some(Refusal::KeyBusy { key: claim.object.key.clone(), pending })
            }
            true => crowd(status, claim),
            false => None,
        };
    }
    if status.slots.len() >= MAX_SLOTS {
        return Some(Refusal::Uncountable);
    }
    if limited { full(status, limits).or_else(|| share(status, claim, limits)) } else { None }
}

fn full(status: &LedgerStatus, limits: &Limits) -> Option<Refusal> {
    let (limit, used) = (limits.limit, status.slots.len());
    if used < limit {
        return None;
    }
    Some(match status.pending_only().count() {
        0 => Refusal::Full { limit, holders: status.slots.keys().cloned().collect() },
        pending => Refusal::AwaitingOutcome { limit, used, pending },
    })
}

fn share(status: &LedgerStatus, claim: &Claim, limits: &Limits) -> Option<Refusal> {
    let namespace = claim.object.key.namespace();
    let within = status.pending_only().filter(|(key, _)| key.namespace() == namespace);
    let own = status.pending_only().filter(|(_, slot)| slot.pend.values().any(|p| p.is_by(&claim.user)));
    busy(claim, limits.pending_share, within.count(), own.count())
}

/// The room for creates under way is everybody's: creates of names that exist take no slot of a share, and would fill it.
fn crowd(status: &LedgerStatus, claim: &Claim) -> Option<Refusal> {
    let namespace = claim.object.key.namespace();
    let within = status.slots.iter().filter(|(key, _)| key.namespace() == namespace);
    let own = status.slots.values().flat_map(|slot| slot.pend.values()).filter(|pending| pending.is_by(&claim.user));
    busy(claim, MAX_PENDING / 8, within.map(|(_, slot)| slot.pend.len()).sum(), own.count())
}

/// Refuses when the claim's namespace, or its user, has as many creates under way as it may.
fn busy(claim: &Claim, cap: usize, within: usize, own: usize) -> Option<Refusal> {
    if within >= cap {
        let namespace = claim.object.key.namespace().to_owned();
        return Some(Refusal::NamespaceBusy { namespace, pending: within, cap });
    }
    (own >= cap).then(|| Refusal::UserBusy { user: claim.user.clone(), pending: own, cap })
}

/// Records a claim for which there is room. Its object may be written only after this is stored (I3).
pub(crate) fn record(status: &mut LedgerStatus, claim: &Claim) {
    if !status.records(&claim.object) {
        let slot = status.slots.entry(claim.object.key.clone()).or_default();
        slot.pend.insert(claim.object.uid.clone(), Pending::new(&claim.since, &claim.user));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        claim::RequestId,
        identity::{Key, Object, Uid},
    };

    fn claim(namespace: &str, name: &str, uid: &str, user: &str) -> Claim {
        Claim {
            request: RequestId(0),
            object: Object::new(Key::new(namespace, name), Uid::new(uid)),
            user: user.to_owned(),
            since: String::new(),
            dry_run: false,
            standing: Standing::Limited,
        }
    }

    fn ledger(claims: &[Claim], live: bool) -> LedgerStatus {
        let mut status = LedgerStatus::default();
        for claim in claims {
            record(&mut status, claim);
            if live {
                let slot = status.slots.get_mut(&claim.object.key).expect("recorded");
                slot.pend.clear();
                slot.live = Some(claim.object.uid.clone());
            }
        }
        status
    }

    fn refused(status: &LedgerStatus, claim: &Claim, limits: &Limits) -> String {
        match admit(status, claim, limits) {
            Admission::Refused(refusal) => refusal.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_full_ledger_says_whether_waiting_may_help() {
        let held = [claim("a", "x", "1", "alice"), claim("b", "y", "2", "bob")];
        let new = claim("c", "z", "3", "carol");
        assert_eq!(refused(&ledger(&held, true), &new, &Limits::new(2)), "2/2 used");
        assert_eq!(refused(&ledger(&held, true), &new, &Limits::new(1)), "2/1 used");
        let text = "2/2 used, 2 of them by creates whose outcome is not known yet; try again in a moment";
        assert_eq!(refused(&ledger(&held, false), &new, &Limits::new(2)), text);
        assert_eq!(admit(&ledger(&held, true), &new, &Limits::new(3)), Admission::Room);
    }

    #[test]
    fn a_key_that_is_held_is_shared_up_to_its_cap() {
        let held = [claim("a", "x", "1", "alice")];
        let limits = Limits { pending_per_key: 2, ..Limits::new(1) };
        let mut status = ledger(&held, false);
        assert_eq!(admit(&status, &held[0], &limits), Admission::Room);
        let second = claim("a", "x", "2", "bob");
        assert_eq!(admit(&status, &second, &limits), Admission::Room);
        record(&mut status, &second);
        assert_eq!(status.slots.len(), 1);
        let third = refused(&status, &claim("a", "x", "3", "carol"), &limits);
        assert_eq!(third, "2 creates of a/x are under way already; try again in a moment");
    }

    #[test]
    fn a_slot_beyond_the_limit_is_not_shared_with_whom_the_limit_binds() {
        let mut status = ledger(&[claim("a", "x", "1", "alice")], true);
        let exempt = Claim { standing: Standing::NeverRefused, ..claim("a", "z", "z", "velero") };
        record(&mut status, &exempt);
        assert_eq!(
            refused(&status, &claim("a", "z", "2", "bob"), &Limits::new(1)),
            "2/1 used, 1 of them by creates whose outcome is not known yet; try again in a moment"
        );
        assert_eq!(admit(&status, &claim("a", "z", "2", "bob"), &Limits::new(2)), Admission::Room);
        let again = Claim { standing: Standing::NeverRefused, ..claim("a", "z", "3", "velero") };
        assert_eq!(admit(&status, &again, &Limits::new(1)), Admission::Room);
    }

    #[test]
    fn creates_without_an_outcome_are_shared_out() {
        let limits = Limits::new(4);
        let status = ledger(&[claim("a", "x", "1", "alice")], false);
        assert!(refused(&status, &claim("a", "y", "2", "bob"), &limits).contains("namespace a are under way"));
        assert!(refused(&status, &claim("b", "y", "2", "alice"), &limits).contains("user alice are under way"));
        assert_eq!(admit(&status, &claim("b", "y", "2", "bob"), &limits), Admission::Room);
        let seen = ledger(&[claim("a", "x", "1", "alice")], true);
        assert_eq!(admit(&seen, &claim("a", "y", "2", "alice"), &limits), Admission::Room);
    }

    #[test]
    fn an_account_that_is_never_refused_passes_every_limit_but_the_size_of_the_ledger() {
        let exempt = Claim { standing: Standing::NeverRefused, ..claim("a", "z", "z", "alice") };
        let held = [claim("a", "x", "1", "alice"), claim("a", "y", "2", "alice")];
        assert_eq!(admit(&ledger(&held, true), &exempt, &Limits::new(0)), Admission::Room);
        let many: Vec<_> = (0..MAX_SLOTS).map(|n| claim("a", &n.to_string(), &n.to_string(), "alice")).collect();
        assert_eq!(admit(&ledger(&many, true), &exempt, &Limits::new(0)), Admission::Unrecordable);
    }

    #[test]
    fn creates_of_existing_names_by_one_tenant_leave_room_for_others() {
        let names: Vec<Claim> = (0..40).map(|n| claim("mine", &format!("n{n}"), &format!("l{n}"), "mallory")).collect();
        let mut status = ledger(&names, true);
        let limits = Limits::new(200);
        let tries = (0..40).flat_map(|n| (0..31).map(move |k| (format!("n{n}"), format!("u{n}-{k}"))));
        let refused = tries.filter(|(name, uid)| {
            let claim = claim("mine", name, uid, "mallory");
            let admission = admit(&status, &claim, &limits);
            if admission == Admission::Room {
                record(&mut status, &claim);
            }
            admission != Admission::Room
        });
        assert_eq!(refused.count(), 40 * 31 - MAX_PENDING / 8);
        assert_eq!(admit(&status, &claim("theirs", "a", "u", "ann"), &limits), Admission::Room);
        let elsewhere = claim("other", "b", "u", "mallory");
        assert_eq!(admit(&status, &elsewhere, &limits), Admission::Room, "a new name is counted by the shares");
    }
}
