//! What happened: to the store, in the order of its revisions, and to the clients, by one clock.

use std::time::Duration;

use backup_ledger::LedgerStatus;

/// A revision of the store. All writes of a cluster are ordered by it.
pub type Revision = u64;

/// The number of one try to create something; the object it makes carries it.
pub type Ticket = u32;

/// A counted object in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its uid.
    pub uid: String,
    /// Which try made it; none for objects that were not made by the load.
    pub ticket: Option<Ticket>,
}

/// One write of the store to one counted object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The revision that it made.
    pub revision: Revision,
    /// `namespace/name`.
    pub key: String,
    /// What is there now; none when it is gone.
    pub to: Option<Stored>,
}

/// One write of the store to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerChange {
    /// The revision that it made.
    pub revision: Revision,
    /// The ledger now; none when it is gone.
    pub to: Option<LedgerStatus>,
}

/// How the load asks for an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// POST with a name out of many.
    Named,
    /// POST with `generateName`.
    Generated,
    /// PATCH, server-side apply.
    Applied,
    /// POST with one of very few names, by everybody at the same time.
    Storm,
    /// POST that stores nothing.
    DryRun,
}

/// What a try led to, as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// 201.
    Created,
    /// 200: a server-side apply to an object that existed.
    Updated,
    /// 409.
    AlreadyExists,
    /// The quota's 403.
    Full,
    /// The quota's 429.
    TryAgain(Later),
    /// The other webhook's refusal.
    OtherWebhook,
    /// The API server could not ask a webhook.
    HookFailed,
    /// Anything else, in few words.
    Failed(String),
}

/// Why the quota refuses for now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Later {
    /// All slots are taken, some of them by creates under way.
    Taken,
    /// The namespace has as many creates under way as it may.
    Namespace {
        /// Its name.
        name: String,
        /// How many it may.
        cap: usize,
    },
    /// The user has.
    User {
        /// The name.
        name: String,
        /// How many it may.
        cap: usize,
    },
    /// Creates of that one name are.
    Key {
        /// `namespace/name`.
        key: String,
        /// How many are under way.
        pending: usize,
    },
    /// There is too much to do.
    Overloaded,
    /// The ledger is not ready.
    SettingUp,
    /// The time did not suffice.
    NotInTime,
    /// Anything else, in few words.
    Other(String),
}

impl Outcome {
    /// Whether the answer says that nothing was and nothing will be stored.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Full | Self::TryAgain(_) | Self::OtherWebhook | Self::HookFailed)
    }
}

/// One try of one client.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its number.
    pub ticket: Ticket,
    /// How it asked.
    pub form: Form,
    /// Before it was sent, since the start of the run.
    pub start: Duration,
    /// After the answer had come.
    pub end: Duration,
    /// The answer.
    pub outcome: Outcome,
}

/// At this time, this revision had been made.
#[derive(Debug, Clone, Copy)]
pub struct Sighting {
    /// Since the start of the run.
    pub at: Duration,
    /// The revision.
    pub revision: Revision,
}

/// Everything that is known of a run.
#[derive(Debug, Default)]
pub struct Evidence {
    /// How many may be alive.
    pub limit: usize,
    /// Every write to counted objects, none left out, from an empty store on.
    pub changes: Vec<Change>,
    /// Every write to the ledger, if there is one.
    pub ledger: Vec<LedgerChange>,
    /// When revisions were seen.
    pub sightings: Vec<Sighting>,
    /// Every try.
    pub attempts: Vec<Attempt>,
    /// From when until when something went wrong on purpose.
    pub faults: Vec<(Duration, Duration)>,
}
