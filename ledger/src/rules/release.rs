//! O2, R1, R3: an object cannot exist any more.

use crate::{identity::Object, status::LedgerStatus};

/// Takes an object out of its slot, and the slot out of the ledger when nothing else is recorded there.
///
/// The caller has a [`Proof`](crate::Proof) that this uid is not stored and never will be again (A4: a uid is written at
/// most once). That is true for ever, so it may be applied to any later revision: others that were recorded at the same key
/// since then keep the slot.
pub(crate) fn release(status: &mut LedgerStatus, object: &Object) -> bool {
    let Some(slot) = status.slots.get_mut(&object.key) else { return false };
    let was_live = slot.live.take_if(|live| *live == object.uid).is_some();
    let was_pending = slot.pend.remove(&object.uid).is_some();
    if slot.live.is_none() && slot.pend.is_empty() {
        status.slots.remove(&object.key);
    }
    was_live || was_pending
}
