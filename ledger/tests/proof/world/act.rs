//! What an action leads to.

use backup_ledger::{Claim, Event, Object, Refusal, Standing, Timer, Uid, Verdict, WriteOutcome};

use super::{Action, Change, Mutation, Setup, Stage, World, create::request, store::Stored, uid};

impl World {
    /// What an action leads to, with the replicas in a fixed order: they are alike, so states that differ only in who is
    /// who are one state.
    pub fn after(&self, setup: &Setup, action: &Action) -> Self {
        let mut next = self.clone();
        next.act(setup, action);
        next.in_order()
    }

    pub fn in_order(mut self) -> Self {
        self.nodes.sort_by_cached_key(|node| {
            let mut hasher = std::hash::DefaultHasher::new();
            std::hash::Hash::hash(node, &mut hasher);
            std::hash::Hasher::finish(&hasher)
        });
        self
    }

    /// Does at once what this world does not delay.
    pub fn be_prompt(&mut self, setup: &Setup) {
        if !setup.prompt {
            return;
        }
        for node in 0..self.nodes.len() {
            loop {
                if self.nodes[node].reading {
                    self.read(setup, node);
                } else if self.nodes[node].timers.contains(&Timer::Flush) {
                    self.fire(setup, node, Timer::Flush);
                } else if let Some(silence) = self.nodes[node].silence().filter(|_| !setup.ledger_watch) {
                    self.fire(setup, node, silence);
                } else {
                    break;
                }
            }
        }
    }

    fn read(&mut self, setup: &Setup, node: usize) {
        self.nodes[node].reading = false;
        let read = self.store.ledger.clone();
        self.tell(setup, node, Event::LedgerRead(read));
    }

    pub fn act(&mut self, setup: &Setup, action: &Action) {
        match action {
            Action::Ask { create, node } => {
                self.creates[*create].stage = Stage::Asking;
                self.ask(setup, *create, *node);
            }
            Action::AskAgain { create, node } => {
                self.left.duplicates -= 1;
                self.ask(setup, *create, *node);
            }
            Action::Bypass { create } => self.creates[*create].stage = Stage::Submitted,
            Action::Fail { create } => {
                if self.creates[*create].stage == Stage::Allowed {
                    self.left.failed_creates -= 1;
                }
                self.creates[*create].stage = Stage::Over;
            }
            Action::Submit { create } => self.creates[*create].stage = Stage::Submitted,
            Action::Seal { create } => self.creates[*create].stage = Stage::Sealed,
            Action::Apply { create } => self.apply(setup, *create),
            Action::Delete { key } => {
                self.left.deletes -= 1;
                if setup.finalizers {
                    if let Some(stored) = self.store.objects.get_mut(key) {
                        stored.terminating = true;
                        let object = Object::new(key.clone(), stored.uid.clone());
                        if setup.mutation == Some(Mutation::ReleasesOnDeleteRequest) {
                            // The request is admitted by one of the replicas.
                            self.tell(setup, 0, Event::ObjectDeleted(object));
                        }
                    }
                } else {
                    self.remove(key);
                }
            }
            Action::Finalize { key } => self.remove(key),
            Action::LoseLedger => {
                self.left.ledger_losses -= 1;
                self.store.ledger = None;
            }
            Action::Write { node } => self.write(setup, *node),
            Action::LoseWrite { node } => {
                self.left.unknown_writes -= 1;
                self.lose_write(setup, *node);
            }
            Action::LateWrite { write } => {
                self.detached.remove(write);
                self.store_write(setup, write);
            }
            Action::Read { node } => self.read(setup, *node),
            Action::Make { node } => {
                self.nodes[*node].creating = false;
                let made = self.store.make_ledger();
                let outcome = made.map_or(WriteOutcome::Conflict, WriteOutcome::Committed);
                self.tell(setup, *node, Event::LedgerWritten(outcome));
            }
            Action::WatchLedger { node } => {
                let seen = self.store.ledger.clone();
                self.tell(setup, *node, Event::LedgerWatched(seen));
            }
            Action::Looked { node } => {
                if let Some(found) = self.nodes[*node].looking.take() {
                    self.tell(setup, *node, Event::Looked(found));
                }
            }
            Action::Watch { node } => self.watch(setup, *node),
            Action::Timer { node, timer } => self.fire(setup, *node, timer.clone()),
            Action::Deadline { node, request } => {
                self.left.deadlines -= 1;
                self.tell(setup, *node, Event::DeadlineReached(*request));
            }
            Action::Reconcile { node } => {
                self.left.reconciles -= 1;
                self.tell(setup, *node, Event::ReconcileDue);
            }
            Action::LoseHook { node } => {
                self.left.hook_losses -= 1;
                self.tell(setup, *node, Event::HookLost);
                self.tell(setup, *node, Event::HookConfirmed("the configuration".to_owned()));
            }
            Action::Crash { node } => {
                self.left.crashes -= 1;
                self.crash(setup, *node);
            }
        }
        self.be_prompt(setup);
        // Late writes that can no longer be stored are forgotten; so are states that differ in nothing else.
        if setup.mutation != Some(Mutation::NoCompareAndSwap) {
            let current = self.store.ledger.as_ref().map(|copy| copy.revision.clone());
            self.detached.retain(|write| Some(&write.expected) == current.as_ref());
        }
        self.note_full(setup);
    }

    fn ask(&mut self, setup: &Setup, create: usize, node: usize) {
        let plan = &setup.creates[create];
        let call = self.creates[create].calls;
        self.creates[create].calls += 1;
        let id = request(create, call);
        self.nodes[node].claims.insert(id, false);
        self.note_full(setup);
        if setup.mutation == Some(Mutation::CountsByList) {
            let verdict = if self.store.objects.len() < setup.limit || self.store.objects.contains_key(&plan.key) {
                Verdict::Admitted
            } else {
                Verdict::Refused(Refusal::Overloaded)
            };
            return self.reply(setup, node, id, &verdict);
        }
        let uid = match setup.mutation {
            Some(Mutation::KeyedByRequest) => Uid::new(&format!("request{}", id.0)),
            _ => uid(create),
        };
        let claim = Claim {
            request: id,
            object: Object::new(plan.key.clone(), uid),
            user: format!("user{create}"),
            since: String::new(),
            dry_run: plan.dry_run,
            standing: if plan.exempt { Standing::NeverRefused } else { Standing::Limited },
        };
        self.tell(setup, node, Event::Claimed(claim));
    }

    /// The store applies a create: it fails when something stands there already.
    pub fn apply(&mut self, setup: &Setup, create: usize) {
        let object = setup.object(create);
        if self.store.objects.contains_key(&object.key) {
            self.creates[create].stage = Stage::Over;
            return;
        }
        self.creates[create].stage = Stage::Stored;
        self.store.objects.insert(object.key.clone(), Stored { uid: object.uid.clone(), terminating: false });
        self.publish(&Change::Added(object));
    }

    fn remove(&mut self, key: &backup_ledger::Key) {
        let Some(stored) = self.store.objects.remove(key) else { return };
        for (index, create) in self.creates.iter_mut().enumerate() {
            if create.stage == Stage::Stored && uid(index) == stored.uid {
                create.stage = Stage::Deleted;
            }
        }
        self.publish(&Change::Deleted(Object::new(key.clone(), stored.uid)));
    }

    fn watch(&mut self, setup: &Setup, node: usize) {
        match self.nodes[node].inbox.remove(0) {
            Change::Added(object) if setup.mutation == Some(Mutation::SkipsAdoption) => {
                let known = self.nodes[node].core.copy();
                if known.is_some_and(|copy| copy.status.slots.contains_key(&object.key)) {
                    self.tell(setup, node, Event::ObjectSeen(object));
                }
            }
            Change::Added(object) => self.tell(setup, node, Event::ObjectSeen(object)),
            Change::Deleted(object) if setup.mutation == Some(Mutation::ReleasesByName) => {
                let copy = self.nodes[node].core.copy().cloned();
                let slot = copy.and_then(|copy| copy.status.slots.get(&object.key).cloned()).unwrap_or_default();
                for uid in slot.live.iter().chain(slot.pend.keys()) {
                    self.tell(setup, node, Event::ObjectDeleted(Object::new(object.key.clone(), uid.clone())));
                }
            }
            Change::Deleted(object) => self.tell(setup, node, Event::ObjectDeleted(object)),
        }
    }
}
