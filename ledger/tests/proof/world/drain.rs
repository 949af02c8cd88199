//! What becomes of a state when no new trouble comes: every create ends, every message arrives, every timer fires.

use super::{Action, Budget, Setup, Stage, World};

/// More steps than any state here needs: a loop would be an answer that never comes.
const PATIENCE: usize = 20_000;

impl World {
    /// The fair continuation. Fails when it does not come to rest.
    pub fn drained(&self, setup: &Setup) -> Option<Self> {
        let setup = &Setup { ledger_watch: true, expiry: true, deaf: 0, ..setup.clone() };
        let mut world = self.clone();
        world.left = Budget { deadlines: u8::MAX, ..Budget::default() };
        let mut reconciled = 0;
        let mut choices = Vec::new();
        for _ in 0..PATIENCE {
            choices.clear();
            world.choices(setup, &mut choices);
            let planned = |action: &Action| matches!(action, Action::Ask { .. } | Action::Bypass { .. });
            let late = |action: &Action| matches!(action, Action::Deadline { .. });
            let ledger = |action: &Action| matches!(action, Action::WatchLedger { .. });
            let next = choices.iter().find(|action| !planned(action) && !late(action) && !ledger(action));
            let next = next.or_else(|| choices.iter().find(|action| ledger(action)));
            match next {
                Some(action) => world.act(setup, &action.clone()),
                // Nothing else can happen: creates that were allowed and never submitted fail, then deadlines pass.
                None if world.end_create() => {}
                None => match choices.iter().find(|action| late(action)) {
                    Some(action) => {
                        world.left.deadlines = u8::MAX;
                        world.act(setup, &action.clone());
                    }
                    // Two rounds, in which every replica compares everything.
                    None if reconciled < 2 * world.nodes.len() => {
                        world.left.reconciles = 1;
                        let node = reconciled % world.nodes.len();
                        world.act(setup, &Action::Reconcile { node });
                        reconciled += 1;
                    }
                    None => return Some(world),
                },
            }
        }
        None
    }

    fn end_create(&mut self) -> bool {
        let open = self.creates.iter().position(|create| create.stage.is_open());
        if let Some(create) = open {
            self.creates[create].stage = Stage::Over;
        }
        open.is_some()
    }
}
