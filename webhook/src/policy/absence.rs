//! A policy that was in force and is not there any more: kept for a while, since whoever replaces it by force, or makes its
//! type anew, takes it away for a moment. A pure function of what was seen and of the time.

use std::time::Duration;

use tokio::time::Instant;

/// Between two looks when the first could not be answered.
pub const AGAIN: Duration = Duration::from_secs(5);

/// What is to be done about the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What was in force stays.
    Keep,
    /// The built-in values hold.
    BuiltIn,
}

/// How long a missing policy stays in force, and since when one is missing.
#[derive(Debug, Clone)]
pub struct Absence {
    grace: Duration,
    look: Option<Instant>,
}

impl Absence {
    /// Keeps a missing policy for so long.
    pub fn new(grace: Duration) -> Self {
        Self { grace, look: None }
    }

    /// The watch says that there is none. Only what came from a policy is worth keeping.
    pub fn unseen(&mut self, in_force: bool, now: Instant) -> Verdict {
        if !in_force || self.grace.is_zero() {
            self.look = None;
            return Verdict::BuiltIn;
        }
        // A watch that begins anew says the same again, which is no reason to wait longer.
        self.look.get_or_insert(now + self.grace);
        Verdict::Keep
    }

    /// There is one.
    pub fn seen(&mut self) {
        self.look = None;
    }

    /// When the store itself is to be asked.
    pub fn look_at(&self) -> Option<Instant> {
        self.look
    }

    /// The store was asked, at that time: it says that there is none (`Some(false)`) or one, which the watch has yet to
    /// show, or it could not be asked (`None`): then nothing is known, and nothing changes.
    pub fn looked(&mut self, there: Option<bool>, now: Instant) -> Verdict {
        match (self.look, there) {
            (Some(look), Some(false)) if now >= look => {
                self.look = None;
                Verdict::BuiltIn
            }
            (None, _) | (Some(_), Some(false)) => Verdict::Keep,
            (Some(_), Some(true)) => {
                self.look = None;
                Verdict::Keep
            }
            (Some(_), None) => {
                self.look = Some(now + AGAIN);
                Verdict::Keep
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(60);

    #[test]
    fn what_nobody_set_is_not_kept() {
        let (mut absence, now) = (Absence::new(GRACE), Instant::now());
        assert_eq!(absence.unseen(false, now), Verdict::BuiltIn);
        assert_eq!(absence.look_at(), None);
        assert_eq!(Absence::new(Duration::ZERO).unseen(true, now), Verdict::BuiltIn);
    }

    #[test]
    fn a_policy_that_comes_back_was_never_gone() {
        let (mut absence, now) = (Absence::new(GRACE), Instant::now());
        assert_eq!(absence.unseen(true, now), Verdict::Keep);
        absence.seen();
        assert_eq!(absence.look_at(), None);
        // Gone again later: the whole grace again.
        let later = now + GRACE * 3;
        assert_eq!(absence.unseen(true, later), Verdict::Keep);
        assert_eq!(absence.look_at(), Some(later + GRACE));
    }

    #[test]
    fn only_the_store_can_say_that_it_is_gone_and_not_before_its_time() {
        let (mut absence, now) = (Absence::new(GRACE), Instant::now());
        assert_eq!(absence.unseen(true, now), Verdict::Keep);
        // Watches that begin anew do not put it off.
        assert_eq!(absence.unseen(true, now + GRACE / 2), Verdict::Keep);
        assert_eq!(absence.look_at(), Some(now + GRACE));
        assert_eq!(absence.looked(Some(false), now + GRACE / 2), Verdict::Keep);
        // An API server that does not answer proves nothing, however long that lasts.
        for n in 0..100 {
            let at = now + GRACE + AGAIN * n;
            assert_eq!(absence.looked(None, at), Verdict::Keep);
            assert_eq!(absence.look_at(), Some(at + AGAIN));
        }
        assert_eq!(absence.looked(Some(false), now + GRACE + AGAIN * 100), Verdict::BuiltIn);
        assert_eq!(absence.look_at(), None);
    }

    #[test]
    fn one_that_the_store_has_is_left_to_the_watch() {
        let (mut absence, now) = (Absence::new(GRACE), Instant::now());
        assert_eq!(absence.unseen(true, now), Verdict::Keep);
        assert_eq!(absence.looked(Some(true), now + GRACE), Verdict::Keep);
        assert_eq!(absence.look_at(), None);
    }
}
