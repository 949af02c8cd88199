//! How much may be claimed.

/// The limit of a quota and what keeps one claimant from blocking all others.
///
/// The shares exist because an admitted create that something else refuses holds its slot until it is proven dead: without
/// them, one namespace whose creates always fail could hold every slot again and again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limits {
    /// How many objects may exist.
    pub limit: usize,
    /// How many slots without a seen object one namespace may hold, and one user.
    pub pending_share: usize,
    /// How many creates of one name may be under way.
    pub pending_per_key: usize,
}

impl Limits {
    /// The usual shares for a limit: a quarter of the slots, at least one; 32 creates of one name.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, pending_share: limit.div_ceil(4).max(1), pending_per_key: 32 }
    }
}
