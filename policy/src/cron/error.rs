//! Why an expression is refused.

/// Why a version of Velero refuses an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Nothing is written.
    #[error("it is empty")]
    Empty,
    /// More than a parser reads.
    #[error("it is longer than 1024 bytes")]
    TooLong,
    /// A time zone is announced, and nothing follows it.
    #[error("after the time zone come a space and the five fields")]
    NothingAfterZone,
    /// A time zone that nobody knows.
    #[error("there is no time zone {0:?}; write it as in CRON_TZ=Europe/Berlin")]
    UnknownZone(String),
    /// A word with an at sign that is none of the known ones.
    #[error("{0:?} is none of @yearly, @monthly, @weekly, @daily, @hourly and @every DURATION")]
    UnknownWord(String),
    /// A duration that is none, or is too short.
    #[error("{0:?} is no duration of a second or more; write it as in @every 12h")]
    BadDuration(String),
    /// Too few or too many fields.
    #[error("it has {0} fields and needs five: minute, hour, day of month, month, day of week")]
    FieldCount(usize),
    /// A field that cannot be read.
    #[error("{part:?} is no {field}: {why}")]
    BadField {
        /// Which of the five.
        field: &'static str,
        /// The part of it that cannot be read.
        part: String,
        /// What is wrong with that part.
        why: String,
    },
}
