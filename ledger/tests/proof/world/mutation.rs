//! Wrong ways to do it. Each is an edge that breaks one rule of the protocol; the state machine is the same.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutation {
    /// Admits by a consistent list of the objects, as policy engines do.
    CountsByList,
    /// Takes the end of the TTL as proof that an object does not exist.
    ReleasesOnClock,
    /// Looks without a write before it, so that a create in the store's log is missed.
    NoBarrier,
    /// Records the review's uid instead of the object's.
    KeyedByRequest,
    /// Takes an accepted DELETE request for a deletion.
    ReleasesOnDeleteRequest,
    /// Takes the deletion of an older object of the same name for the deletion of the recorded one.
    ReleasesByName,
    /// Writes the ledger without comparing.
    NoCompareAndSwap,
    /// Takes a write without an answer for a stored one.
    AllowsOnUnknownWrite,
    /// Does not see objects that are not in the ledger.
    SkipsAdoption,
    /// Decides at once on a new ledger, without waiting for creates from before it.
    NoQuarantine,
}
