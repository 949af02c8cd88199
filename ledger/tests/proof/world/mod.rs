//! A cluster as seen from the webhook: what may happen next, and what it leads to.
//!
//! All orders of events are possible that A1–A4 allow. Time is only in one rule: a timer of full length may fire when no
//! create that it is about can be submitted any more (A2).

mod act;
mod choose;
mod create;
mod drain;
mod edge;
mod mutation;
mod store;
mod truth;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use backup_ledger::{Event, Key, Limits, Object, Replica, RequestId, Sightings, Timer, Uid};

pub use create::{Create, Plan, Stage};
pub use mutation::Mutation;
pub use store::{Change, Store, Write};

/// What is fixed during one run.
#[derive(Debug, Clone)]
pub struct Setup {
    pub limit: usize,
    pub replicas: usize,
    pub creates: Vec<Plan>,
    /// Objects from before the first installation; the ledger does not exist yet then.
    pub preexisting: Vec<Key>,
    /// Whether the ledger begins as ready and empty, instead of missing.
    pub installed: bool,
    pub budget: Budget,
    pub mutation: Option<Mutation>,
    /// Whether replicas may learn of the ledger by its watch at any time.
    pub ledger_watch: bool,
    /// Whether a delete leaves the object until a finalizer is removed.
    pub finalizers: bool,
    /// Whether the ledger is read, and collected evidence is due, without delay. Leaves out orders that the worlds without it
    /// go through, so that larger ones can be searched.
    pub prompt: bool,
    /// Whether the TTL of a recorded create may pass.
    pub expiry: bool,
    /// How many replicas do not hear the watch of the counted resource.
    pub deaf: usize,
    /// What was seen to happen at least once, on any path. Not part of a state: it would only multiply them.
    pub reached: Arc<Mutex<BTreeSet<Milestone>>>,
}

/// How often each kind of trouble may happen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub crashes: u8,
    pub duplicates: u8,
    pub unknown_writes: u8,
    pub ledger_losses: u8,
    pub deletes: u8,
    pub failed_creates: u8,
    pub deadlines: u8,
    pub reconciles: u8,
    pub hook_losses: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub store: Store,
    pub creates: Vec<Create>,
    pub nodes: Vec<Node>,
    /// Writes whose sender gave up; they may still arrive.
    pub detached: BTreeSet<Write>,
    pub left: Budget,
    /// What went wrong that no single state shows.
    pub faults: BTreeSet<Fault>,
}

/// One running webhook replica with its edge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    pub core: Replica,
    pub reading: bool,
    pub creating: bool,
    pub writing: Option<Write>,
    pub looking: Option<Sightings>,
    /// Watch events of the counted resource that have not arrived yet.
    pub inbox: Vec<Change>,
    pub deaf: bool,
    pub timers: BTreeSet<Timer>,
    /// Claims that wait for an answer, and whether the quota was full at some moment since they arrived.
    pub claims: BTreeMap<RequestId, bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A claim was refused as full although there was room all the time.
    UnjustifiedRefusal,
    /// A dry run was recorded.
    DryRunRecorded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Milestone {
    RefusedAsFull,
    ReleasedByDeletion,
    ReleasedByLook,
    ReleasedAfterExpiry,
    Adopted,
    DryRunAdmitted,
    BecameReady,
}

/// What may happen next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// A create reaches validating admission, which calls this replica.
    Ask {
        create: usize,
        node: usize,
    },
    /// The same call again, to this replica.
    AskAgain {
        create: usize,
        node: usize,
    },
    /// A create that no webhook is asked about: A1 does not hold for it.
    Bypass {
        create: usize,
    },
    /// The API server gives up on a create before it is submitted: another webhook refuses, the client is gone, time is over.
    Fail {
        create: usize,
    },
    /// The API server submits the create to the store.
    Submit {
        create: usize,
    },
    /// The TTL of a submitted create is over: it is in the store's log now, though perhaps not applied.
    Seal {
        create: usize,
    },
    /// The store applies the create.
    Apply {
        create: usize,
    },
    /// Somebody asks for the object's deletion.
    Delete {
        key: Key,
    },
    /// The last finalizer is removed.
    Finalize {
        key: Key,
    },
    /// Somebody deletes the ledger.
    LoseLedger,
    /// The replica's write reaches the store, and the answer reaches the replica.
    Write {
        node: usize,
    },
    /// The replica's write has no known outcome: it may arrive later, or never.
    LoseWrite {
        node: usize,
    },
    /// A lost write arrives after all.
    LateWrite {
        write: Write,
    },
    /// The ledger is read.
    Read {
        node: usize,
    },
    /// The ledger is made.
    Make {
        node: usize,
    },
    /// The watch of the ledger delivers.
    WatchLedger {
        node: usize,
    },
    /// The answer of a look arrives (the store was read when it began).
    Looked {
        node: usize,
    },
    /// The next watch event of the counted resource arrives.
    Watch {
        node: usize,
    },
    Timer {
        node: usize,
        timer: Timer,
    },
    Deadline {
        node: usize,
        request: RequestId,
    },
    Reconcile {
        node: usize,
    },
    /// The replica hears that API servers do not ask, and that they ask again.
    LoseHook {
        node: usize,
    },
    /// The replica dies and starts again, knowing nothing; deletions from before are never told to it.
    Crash {
        node: usize,
    },
}

impl World {
    pub fn new(setup: &Setup) -> Self {
        let mut world = Self {
            store: Store::new(setup),
            creates: setup.creates.iter().map(|_| Create::default()).collect(),
            nodes: Vec::new(),
            detached: BTreeSet::new(),
            left: setup.budget.clone(),
            faults: BTreeSet::new(),
        };
        for node in 0..setup.replicas {
            world.nodes.push(Node { deaf: node < setup.deaf, ..Node::new(setup) });
            world.tell(setup, node, Event::HookConfirmed("the configuration".to_owned()));
        }
        world.be_prompt(setup);
        world.in_order()
    }
}

impl Node {
    fn new(setup: &Setup) -> Self {
        // The shares are tested on their own; here they would only hide interleavings.
        let limits = Limits { pending_share: usize::MAX, ..Limits::new(setup.limit) };
        Self {
            core: Replica::new(limits),
            reading: false,
            creating: false,
            writing: None,
            looking: None,
            inbox: Vec::new(),
            deaf: false,
            timers: BTreeSet::new(),
            claims: BTreeMap::new(),
        }
    }
}

impl Node {
    /// The timer that ends the wait for the watch of the ledger.
    pub fn silence(&self) -> Option<Timer> {
        self.timers.iter().find(|timer| matches!(timer, Timer::Silence(_))).cloned()
    }
}

pub fn uid(create: usize) -> Uid {
    Uid::new(&format!("u{create}"))
}

impl Setup {
    pub fn reach(&self, milestone: Milestone) {
        self.reached.lock().expect("no thread has failed").insert(milestone);
    }

    pub fn object(&self, create: usize) -> Object {
        Object::new(self.creates[create].key.clone(), uid(create))
    }
}
