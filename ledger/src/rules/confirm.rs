//! O1: an object in flight has been seen.

use crate::{identity::Object, status::LedgerStatus};

/// Moves a pending object to live. Not needed for safety: it tells people, and frees the shares.
///
/// The place is only taken when it is free. What was seen may be long past (a slow watch), so a newer object may be recorded
/// there, and no uid leaves a slot without proof.
pub(crate) fn confirm(status: &mut LedgerStatus, object: &Object) -> bool {
    let Some(slot) = status.slots.get_mut(&object.key) else { return false };
    if slot.live.is_some() || slot.pend.remove(&object.uid).is_none() {
        return false;
    }
    slot.live = Some(object.uid.clone());
    true
}
