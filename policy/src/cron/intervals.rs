//! How far apart the runs of a schedule are.

use jiff::Timestamp;

use super::Schedule;

/// From here on runs are counted: a fixed moment, so that the same schedule is judged alike every day.
const START: i64 = 1_767_225_600;
/// Over a year, so that every month and both changes of the clocks are in it.
const SPAN: i64 = 400 * 86_400;
/// Enough for a day of a run each minute.
const RUNS: usize = 1_500;

/// Times between one run and the next, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// The shortest.
    pub shortest: i64,
    /// The longest.
    pub longest: i64,
}

/// Looks at the runs of about a year, or of a day when there is one every minute.
pub(super) fn measure(schedule: &Schedule) -> Option<Intervals> {
    let mut before = schedule.next_after(Timestamp::from_second(START).ok()?)?;
    let mut found: Option<Intervals> = None;
    for _ in 0..RUNS {
        let Some(next) = schedule.next_after(before) else { break };
        let gap = next.as_second() - before.as_second();
        let known = found.unwrap_or(Intervals { shortest: gap, longest: gap });
        found = Some(Intervals { shortest: known.shortest.min(gap), longest: known.longest.max(gap) });
        before = next;
        if before.as_second() > START + SPAN {
            break;
        }
    }
    found
}
