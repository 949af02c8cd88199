//! A request for a slot.

use crate::identity::Object;

/// Names one waiting admission review within one replica; the edge gives them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What an account may do about a full quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The limit holds for it.
    Limited,
    /// Its objects take slots but are never refused.
    NeverRefused,
}

/// A create in validating admission that asks for a slot.
///
/// `object` carries the object's own name and uid, which are final in that phase; never the review's uid, which is another
/// one in every call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// By what name the answer is awaited.
    pub request: RequestId,
    /// The object that would be created.
    pub object: Object,
    /// Who asks.
    pub user: String,
    /// The wall-clock time of the request (RFC 3339), for people.
    pub since: String,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// Whether the limit holds for this account.
    pub standing: Standing,
}
