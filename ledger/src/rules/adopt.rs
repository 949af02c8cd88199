//! O1: an object exists that nobody claimed.

use crate::{
    identity::Object,
    status::{LedgerStatus, MAX_SLOTS, Pending, Phase},
};

/// Takes a slot for an object that exists, beyond the limit if need be: adoption only ever grows the slots, so that it keeps
/// I1 and I3. A ledger that cannot hold it stops deciding.
pub(crate) fn adopt(status: &mut LedgerStatus, object: &Object) -> bool {
    if status.records(object) {
        return false;
    }
    if !status.slots.contains_key(&object.key) && status.slots.len() >= MAX_SLOTS {
        status.phase = Phase::Initializing;
        return false;
    }
    let slot = status.slots.entry(object.key.clone()).or_default();
    match slot.live {
        None => slot.live = Some(object.uid.clone()),
        // Which of the two is the current one is not known here; the proof for either will come.
        Some(_) => {
            slot.pend.insert(object.uid.clone(), Pending::default());
        }
    }
    true
}
