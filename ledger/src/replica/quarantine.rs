//! INIT: how a ledger without history comes to cover every object.
//!
//! Creates that were admitted before (by nobody, or under an earlier ledger) may still be written. So: wait until their time
//! is over (A1, A2), write once as a barrier (A3), list everything, record what is found, and only then decide claims.

use crate::verdict::Refusal;

/// How far a new ledger is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Quarantine {
    state: State,
    number: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum State {
    #[default]
    Off,
    Running,
    Over,
    Sealed,
    Surveyed,
    Crowded,
}

impl Quarantine {
    pub(super) fn reset(&mut self) {
        self.state = State::Off;
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.state != State::Off
    }

    /// Whether what a list finds is awaited.
    pub(super) fn awaits_survey(&self) -> bool {
        matches!(self.state, State::Sealed | State::Surveyed)
    }

    /// Begins, when it has not begun yet; the number names the timer to start.
    #[must_use]
    pub(super) fn begin(&mut self) -> Option<u32> {
        if self.state != State::Off {
            return None;
        }
        self.state = State::Running;
        self.number += 1;
        Some(self.number)
    }

    pub(super) fn time_is_over(&mut self, number: u32) {
        if self.state == State::Running && self.number == number {
            self.state = State::Over;
        }
    }

    pub(super) fn wants_barrier(&self) -> bool {
        self.state == State::Over
    }

    pub(super) fn barrier_stored(&mut self) {
        if self.state == State::Over {
            self.state = State::Sealed;
        }
    }

    pub(super) fn wants_survey(&self) -> bool {
        self.state == State::Sealed
    }

    /// Everything was listed, and it fits into a ledger or not.
    pub(super) fn surveyed(&mut self, fits: bool) {
        if self.awaits_survey() {
            self.state = if fits { State::Surveyed } else { State::Crowded };
        }
    }

    pub(super) fn is_surveyed(&self) -> bool {
        self.state == State::Surveyed
    }

    /// What a claim is told meanwhile.
    pub(super) fn refusal(&self) -> Refusal {
        if self.state == State::Crowded { Refusal::Uncountable } else { Refusal::Initializing }
    }

    pub(super) fn survey_again(&mut self) {
        if self.state == State::Crowded {
            self.state = State::Sealed;
        }
    }
}
