//! The rules as functions over one ledger status. Each keeps the invariants of [`LedgerStatus`](crate::LedgerStatus).

pub(crate) mod admit;
pub(crate) mod adopt;
pub(crate) mod confirm;
pub(crate) mod release;
