//! Claims that wait for their answer, and how far the proof of a refusal has come for each.

use crate::{
    claim::{Claim, RequestId},
    replica::audit::Stage,
};

/// Claims that may wait at once; the edge bounds concurrent requests far below this.
const MAX_WAITING: usize = 4_096;

/// Claims in the order of their arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
}

/// A claim without an answer yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Waiting {
    pub(super) claim: Claim,
    pub(super) stage: Stage,
}

impl Queue {
    /// Adds a claim, or says which request finds no place.
    #[must_use]
    pub(super) fn push(&mut self, claim: Claim) -> Option<RequestId> {
        if self.waiting.len() >= MAX_WAITING {
            return Some(claim.request);
        }
        self.waiting.push(Waiting { claim, stage: Stage::Arrived });
        None
    }

    pub(super) fn take(&mut self, request: RequestId) -> Option<Waiting> {
        let place = self.waiting.iter().position(|waiting| waiting.claim.request == request)?;
        Some(self.waiting.remove(place))
    }

    pub(super) fn take_all(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn keep(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn any_at(&self, stage: Stage) -> bool {
        self.waiting.iter().any(|waiting| waiting.stage == stage)
    }

    pub(super) fn move_on(&mut self, from: Stage, to: Stage) {
        for waiting in &mut self.waiting {
            if waiting.stage == from {
                waiting.stage = to;
            }
        }
    }
}
