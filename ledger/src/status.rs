//! The stored ledger: the status of the cluster-scoped `QuotaLedger` of one quota.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::identity::{Key, Object, Uid};

/// Slots that one ledger can hold, so that the stored object stays within what etcd takes.
pub const MAX_SLOTS: usize = 2_000;
/// Objects in flight that one ledger can hold.
pub const MAX_PENDING: usize = 1_024;
/// Bytes of a user's name that are kept with an object in flight.
const MAX_BY: usize = 128;

/// What is stored, and only ever replaced by compare-and-swap.
///
/// While `phase` is [`Phase::Ready`]:
/// - I1: every key at which a counted object stands is in `slots`, with that object's uid.
/// - I2: `slots` never grew past the limit, except by adoption and by accounts that are never refused.
/// - I3: every uid that may still be written is in `slots`.
///
/// Hence objects ≤ slots ≤ limit at every moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LedgerStatus {
    /// Whether claims are decided.
    #[serde(default)]
    pub phase: Phase,
    /// Raised by every write: makes each write a real one, which the store orders after all earlier ones, and orders copies.
    #[serde(default)]
    pub epoch: u64,
    /// By what the API servers were known to ask when it became ready (A1); empty before. Nothing here decides by it: whoever
    /// finds that they ask by something else now takes the ledger away, since nobody was asked between the two.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub asked_by: String,
    /// Who holds a slot, by `namespace/name`.
    // Of an atomic map the API server notes one owner, and not one for each of its fields: with some hundred slots most of a
    // write's time went into that.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("x-kubernetes-map-type" = "atomic")))]
    pub slots: BTreeMap<Key, Slot>,
}

/// Whether a ledger's slots are known to cover all objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Phase {
    /// Not yet: creates that nobody recorded may be under way.
    #[default]
    Initializing,
    /// They do.
    Ready,
}

/// One slot: everything that exists, or may come to exist, at one key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// An object that has been seen to exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Uid>,
    /// Admitted objects whose creation has not been seen: they may exist, may come to exist, or may have failed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pend: BTreeMap<Uid, Pending>,
}

/// An admitted object whose outcome is not known, described for people: nothing here decides anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// When it was admitted, by the admitting replica's wall clock (RFC 3339).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub since: String,
    /// Who asked, cut to a bounded length.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

impl Pending {
    /// Describes an admitted object.
    #[must_use]
    pub fn new(since: &str, by: &str) -> Self {
        Self { since: since.to_owned(), by: bounded(by).to_owned() }
    }

    /// Whether this user asked, as far as the kept part of the name tells.
    #[must_use]
    pub fn is_by(&self, user: &str) -> bool {
        self.by == bounded(user)
    }
}

fn bounded(by: &str) -> &str {
    by.get(..by.floor_char_boundary(MAX_BY)).unwrap_or(by)
}

impl Slot {
    /// Whether nothing has been seen to exist here.
    #[must_use]
    pub fn is_pending_only(&self) -> bool {
        self.live.is_none()
    }

    /// Whether this uid is recorded here.
    #[must_use]
    pub fn records(&self, uid: &Uid) -> bool {
        self.live.as_ref() == Some(uid) || self.pend.contains_key(uid)
    }
}

impl LedgerStatus {
    /// Whether this object is recorded, as live or as pending.
    #[must_use]
    pub fn records(&self, object: &Object) -> bool {
        self.slots.get(&object.key).is_some_and(|slot| slot.records(&object.uid))
    }

    /// Whether this object is recorded as pending.
    #[must_use]
    pub fn is_pending(&self, object: &Object) -> bool {
        self.slots.get(&object.key).is_some_and(|slot| slot.pend.contains_key(&object.uid))
    }

    /// All objects recorded as pending.
    pub fn pending(&self) -> impl Iterator<Item = Object> + '_ {
        self.slots.iter().flat_map(|(key, slot)| slot.pend.keys().map(move |uid| Object::new(key.clone(), uid.clone())))
    }

    /// All objects recorded as live.
    pub fn live(&self) -> impl Iterator<Item = Object> + '_ {
        self.slots.iter().filter_map(|(key, slot)| slot.live.as_ref().map(|uid| Object::new(key.clone(), uid.clone())))
    }

    /// Slots in which nothing has been seen to exist.
    pub fn pending_only(&self) -> impl Iterator<Item = (&Key, &Slot)> {
        self.slots.iter().filter(|(_, slot)| slot.is_pending_only())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_plain_json_with_fixed_names() {
        let mut status =
            LedgerStatus { phase: Phase::Ready, epoch: 7, asked_by: "c1".into(), ..LedgerStatus::default() };
        let slot = status.slots.entry(Key::new("shop", "a")).or_default();
        slot.live = Some(Uid::new("u1"));
        slot.pend.insert(Uid::new("u2"), Pending::new("2026-01-31T12:00:00Z", "alice"));
        let stored = serde_json::json!({
            "phase": "Ready",
            "epoch": 7,
            "askedBy": "c1",
            "slots": {"shop/a": {"live": "u1", "pend": {"u2": {"since": "2026-01-31T12:00:00Z", "by": "alice"}}}},
        });
        assert_eq!(serde_json::to_value(&status).expect("JSON"), stored);
        assert_eq!(serde_json::from_value::<LedgerStatus>(stored).expect("a ledger"), status);
    }

    #[test]
    fn a_ledger_without_status_is_initializing() {
        let empty: LedgerStatus = serde_json::from_str("{}").expect("a ledger");
        assert_eq!(empty, LedgerStatus::default());
        assert_eq!(empty.phase, Phase::Initializing);
    }

    #[test]
    fn a_full_ledger_fits_into_etcd() {
        let mut status = LedgerStatus::default();
        let (namespace, name) = ("n".repeat(63), "s".repeat(247));
        let uid = |n: usize| Uid::new(&format!("00000000-0000-0000-0000-{n:012}"));
        for n in 0..MAX_SLOTS {
            status.slots.entry(Key::new(&namespace, &format!("{name}{n:06}"))).or_default().live = Some(uid(n));
        }
        let pending = Pending::new("2026-01-31T12:00:00.000000Z", &"ü".repeat(500));
        assert!(pending.is_by(&"ü".repeat(500)));
        for (slot, n) in status.slots.values_mut().zip(0..MAX_PENDING) {
            slot.pend.insert(uid(MAX_SLOTS + n), pending.clone());
        }
        let bytes = serde_json::to_vec(&status).expect("JSON").len();
        assert!(bytes < 1_200_000, "{bytes} bytes");
    }
}
