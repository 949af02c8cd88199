//! What may happen next.

use backup_ledger::Timer;

use super::{Action, Create, Mutation, Setup, Stage, World};

impl World {
    pub fn choices(&self, setup: &Setup, out: &mut Vec<Action>) {
        for (index, create) in self.creates.iter().enumerate() {
            self.create_choices(setup, index, create, out);
        }
        if self.left.deletes > 0 {
            let deletable = self.store.objects.iter().filter(|(_, stored)| !stored.terminating);
            out.extend(deletable.map(|(key, _)| Action::Delete { key: key.clone() }));
        }
        let terminating = self.store.objects.iter().filter(|(_, stored)| stored.terminating);
        out.extend(terminating.map(|(key, _)| Action::Finalize { key: key.clone() }));
        if self.left.ledger_losses > 0 && self.store.ledger.is_some() {
            out.push(Action::LoseLedger);
        }
        out.extend(self.detached.iter().map(|write| Action::LateWrite { write: write.clone() }));
        for node in 0..self.nodes.len() {
            self.node_choices(setup, node, out);
        }
    }

    fn create_choices(&self, setup: &Setup, create: usize, state: &Create, out: &mut Vec<Action>) {
        let nodes = 0..self.nodes.len();
        match state.stage {
            Stage::Planned if setup.creates[create].bypass => out.push(Action::Bypass { create }),
            Stage::Planned => out.extend(nodes.map(|node| Action::Ask { create, node })),
            Stage::Asking | Stage::Allowed => {
                if self.left.duplicates > 0 && state.calls < 8 {
                    out.extend(nodes.map(|node| Action::AskAgain { create, node }));
                }
                if state.stage == Stage::Allowed {
                    out.push(Action::Submit { create });
                }
                // Giving up while asking is what happens to every call whose replica died.
                let orphaned = state.stage == Stage::Asking && !self.is_waiting(create);
                if orphaned || (state.stage == Stage::Allowed && self.left.failed_creates > 0) {
                    out.push(Action::Fail { create });
                }
            }
            Stage::Submitted => out.extend([Action::Apply { create }, Action::Seal { create }]),
            Stage::Sealed => out.push(Action::Apply { create }),
            Stage::Stored | Stage::Deleted | Stage::Over => {}
        }
    }

    fn node_choices(&self, setup: &Setup, node: usize, out: &mut Vec<Action>) {
        let state = &self.nodes[node];
        if state.reading {
            out.push(Action::Read { node });
        }
        if state.creating {
            out.push(Action::Make { node });
        }
        if state.writing.is_some() {
            out.push(Action::Write { node });
            if self.left.unknown_writes > 0 {
                out.push(Action::LoseWrite { node });
            }
        }
        if state.looking.is_some() {
            out.push(Action::Looked { node });
        }
        if !state.inbox.is_empty() {
            out.push(Action::Watch { node });
        }
        let news = state.core.copy().is_some_and(|copy| Some(copy) != self.store.ledger.as_ref());
        if setup.ledger_watch && news {
            out.push(Action::WatchLedger { node });
        }
        let timers = state.timers.iter().filter(|timer| self.may_fire(setup, timer));
        out.extend(timers.map(|timer| Action::Timer { node, timer: timer.clone() }));
        if self.left.deadlines > 0 {
            out.extend(state.claims.keys().map(|request| Action::Deadline { node, request: *request }));
        }
        if self.left.reconciles > 0 {
            out.push(Action::Reconcile { node });
        }
        if self.left.hook_losses > 0 {
            out.push(Action::LoseHook { node });
        }
        if self.left.crashes > 0 {
            out.push(Action::Crash { node });
        }
    }

    /// A2 in one place: a full TTL has not passed while a create that it is about has its window open.
    fn may_fire(&self, setup: &Setup, timer: &Timer) -> bool {
        let mut open = self.creates.iter().enumerate().filter(|(_, create)| create.stage.is_open());
        match timer {
            Timer::Flush | Timer::Silence(_) => true,
            Timer::Pending(_) if !setup.expiry => false,
            Timer::Pending(object) if setup.mutation == Some(Mutation::KeyedByRequest) => {
                !open.any(|(index, _)| setup.creates[index].key == object.key)
            }
            Timer::Pending(object) => !open.any(|(index, _)| setup.object(index) == *object),
            Timer::Quarantine(_) if setup.mutation == Some(Mutation::NoQuarantine) => true,
            Timer::Quarantine(_) => !open.any(|(_, create)| create.recorded),
        }
    }

    /// Whether some replica still owes an answer to this create.
    pub fn is_waiting(&self, create: usize) -> bool {
        self.nodes.iter().any(|node| node.claims.keys().any(|request| super::create::create_of(*request) == create))
    }
}
