//! Which revisions may have been the newest while a request was under way.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{Evidence, LedgerChange, Revision, Ticket};

/// Bounds of revisions by time, from what was seen and from what had not begun.
pub struct Clock {
    /// Revisions that had been made, by time; each is the highest until then.
    made: Vec<(Duration, Revision)>,
    /// Revisions that came from a try that began at this time; each is the lowest from then on.
    begun: Vec<(Duration, Revision)>,
}

impl Clock {
    /// Reads the bounds off a run.
    pub fn of(evidence: &Evidence) -> Self {
        let mut made: Vec<_> = evidence.sightings.iter().map(|sighting| (sighting.at, sighting.revision)).collect();
        made.sort_unstable();
        let mut highest = 0;
        for (_, revision) in &mut made {
            highest = highest.max(*revision);
            *revision = highest;
        }
        let starts: BTreeMap<Ticket, Duration> =
            evidence.attempts.iter().map(|attempt| (attempt.ticket, attempt.start)).collect();
        // A try's object is stored once; what is written to it later may be anybody's work.
        let mut first = BTreeMap::new();
        for change in &evidence.changes {
            if let Some(ticket) = change.to.as_ref().and_then(|stored| stored.ticket) {
                first.entry(ticket).or_insert(change.revision);
            }
        }
        let mut begun: Vec<_> =
            first.into_iter().filter_map(|(ticket, revision)| Some((*starts.get(&ticket)?, revision))).collect();
        begun.sort_unstable();
        let mut lowest = Revision::MAX;
        for (_, revision) in begun.iter_mut().rev() {
            lowest = lowest.min(*revision);
            *revision = lowest;
        }
        Self { made, begun }
    }

    /// The first and the last revision that may have been the newest at some moment between the two times.
    pub fn between(&self, start: Duration, end: Duration) -> (Revision, Revision) {
        let made = self.made.partition_point(|(at, _)| *at <= start);
        let first = made.checked_sub(1).and_then(|at| self.made.get(at)).map_or(0, |(_, revision)| *revision);
        let begun = self.begun.partition_point(|(at, _)| *at <= end);
        let last = self.begun.get(begun).map_or(Revision::MAX, |(_, revision)| revision.saturating_sub(1));
        (first, last.max(first))
    }
}

/// The ledger that was in force at the first revision, and all until the last.
pub fn in_force(ledger: &[LedgerChange], (first, last): (Revision, Revision)) -> &[LedgerChange] {
    let from = ledger.partition_point(|change| change.revision <= first).saturating_sub(1);
    let until = ledger.partition_point(|change| change.revision <= last);
    ledger.get(from..until).unwrap_or_default()
}
