//! The cron expressions that Velero's Schedules take, and when they run.
//!
//! Velero changed its parser: up to 1.18.2 it reads with one library (here: the older), from 1.18.3 on with another (the
//! newer). They accept different expressions, and read some alike ones differently. What both read alike is safe; the
//! rest is told apart by [`Doubt`]. `tests/golden/cron` holds what the two libraries themselves make of about 300
//! expressions.

mod dialect;
mod error;
mod field;
#[cfg(test)]
mod golden;
mod intervals;
mod search;
mod zone;

use dialect::Dialect;
pub use error::CronError;
pub use intervals::Intervals;
use jiff::Timestamp;
use search::Calendar;
use zone::Zone;

/// When something runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    trigger: Trigger,
    zone: Zone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Trigger {
    /// At times of the calendar.
    Calendar(Calendar),
    /// Again and again after so many seconds.
    Every(i64),
    /// Only by hand, which Velero cannot do.
    Manual,
}

/// What Velero makes of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// When it runs, by the newest Velero that accepts it.
    pub schedule: Schedule,
    /// Why another Velero may do something else.
    pub doubt: Option<Doubt>,
}

/// How the versions of Velero differ about an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// Velero up to 1.18.2 refuses it.
    OlderRefuses(CronError),
    /// Velero from 1.18.3 on refuses it.
    NewerRefuses(CronError),
    /// Both accept it, and Velero up to 1.18.2 runs it at other times.
    OlderDiffers(Schedule),
}

impl Schedule {
    /// Reads an expression as Velero's server does, whose time zone is taken for UTC.
    ///
    /// # Errors
    /// When no version of Velero accepts it.
    pub fn parse(expression: &str) -> Result<Parsed, CronError> {
        let older = dialect::parse(expression, Dialect::Older);
        match (older, dialect::parse(expression, Dialect::Newer)) {
            (Ok(older), Ok(newer)) => {
                let doubt = (!older.reads_like(&newer)).then_some(Doubt::OlderDiffers(older));
                Ok(Parsed { schedule: newer, doubt })
            }
            (Ok(older), Err(error)) => Ok(Parsed { schedule: older, doubt: Some(Doubt::NewerRefuses(error)) }),
            (Err(error), Ok(newer)) => Ok(Parsed { schedule: newer, doubt: Some(Doubt::OlderRefuses(error)) }),
            (Err(_), Err(error)) => Err(error),
        }
    }

    /// When it runs next after that moment; `None` when Velero's search, which ends after five years, finds nothing.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let now = after.as_nanosecond().div_euclid(1_000_000_000);
        let now = i64::try_from(now).ok()?;
        let next = match &self.trigger {
            Trigger::Calendar(calendar) => calendar.next(now, &self.zone)?,
            Trigger::Every(seconds) => now.checked_add(*seconds)?,
            Trigger::Manual => return None,
        };
        Timestamp::from_second(next).ok()
    }

    /// How far apart its runs are; `None` when it does not run twice.
    #[must_use]
    pub fn intervals(&self) -> Option<Intervals> {
        intervals::measure(self)
    }

    /// Whether nothing but an hour that the clocks leave out tells the two apart.
    fn reads_like(&self, other: &Self) -> bool {
        let same = match (&self.trigger, &other.trigger) {
            (Trigger::Calendar(own), Trigger::Calendar(other)) => own.reads_like(other),
            (own, other) => own == other,
        };
        same && self.zone == other.zone
    }
}
