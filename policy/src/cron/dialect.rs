//! From an expression to a schedule, in either of Velero's two dialects.

use super::{
    Schedule, Trigger,
    error::CronError,
    field::{self, DAY, HOUR, MINUTE, MONTH, Values, weekday},
    search::Calendar,
    zone::Zone,
};
use crate::go_duration;

/// The newer parser reads no more than this.
const MAX_LENGTH: usize = 1024;
const SECOND: i64 = 1_000_000_000;

/// Which of Velero's parsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// robfig/cron 3.0, in Velero up to 1.18.2.
    Older,
    /// netresearch/go-cron 0.15, in Velero from 1.18.3 on.
    Newer,
}

impl Dialect {
    pub(super) const fn last_weekday(self) -> u64 {
        match self {
            Self::Older => 6,
            Self::Newer => 7,
        }
    }

    /// What the two ask of a range beyond its bounds.
    pub(super) fn check_range(self, first: u64, last: u64, step: u64, field_size: u64) -> Result<(), String> {
        match self {
            Self::Older if first > last => Err("it ends before it begins".to_owned()),
            Self::Older => Ok(()),
            Self::Newer => {
                // A range around the field's end counts as long as both its pieces.
                let size = if first > last { field_size - first + last + 1 } else { last - first + 1 };
                let fits = step == 1 || step < size;
                fits.then_some(()).ok_or_else(|| format!("its step is not shorter than its range of {size}"))
            }
        }
    }
}

pub(super) fn parse(expression: &str, dialect: Dialect) -> Result<Schedule, CronError> {
    if expression.is_empty() {
        return Err(CronError::Empty);
    }
    if dialect == Dialect::Newer && expression.len() > MAX_LENGTH {
        return Err(CronError::TooLong);
    }
    let (zone, expression) = zone(expression, dialect)?;
    if expression.starts_with('@') {
        return Ok(Schedule { trigger: word(expression, dialect)?, zone });
    }
    let fields: Vec<_> = expression.split_whitespace().collect();
    let [minute, hour, day, month, day_of_week] = fields[..] else { return Err(CronError::FieldCount(fields.len())) };
    let week = weekday(dialect);
    let calendar = Calendar::new(
        field::parse(minute, &MINUTE, dialect)?,
        field::parse(hour, &HOUR, dialect)?,
        field::parse(day, &DAY, dialect)?,
        field::parse(month, &MONTH, dialect)?,
        field::parse(day_of_week, &week, dialect)?,
        dialect,
    );
    Ok(Schedule { trigger: Trigger::Calendar(calendar), zone })
}

/// Splits off the time zone in front, if there is one.
fn zone(expression: &str, dialect: Dialect) -> Result<(Zone, &str), CronError> {
    let announced = expression.strip_prefix("TZ=").or_else(|| expression.strip_prefix("CRON_TZ="));
    let Some(announced) = announced else { return Ok((Zone::Utc, expression)) };
    let (name, rest) = announced.split_once(' ').ok_or(CronError::NothingAfterZone)?;
    let rest = rest.trim();
    let name = match dialect {
        Dialect::Newer if rest.is_empty() => return Err(CronError::NothingAfterZone),
        Dialect::Newer => unquoted(name),
        // The older library takes no name at all for UTC.
        Dialect::Older if name.is_empty() => return Ok((Zone::Utc, rest)),
        Dialect::Older => name,
    };
    let zone = Zone::named(name).ok_or_else(|| CronError::UnknownZone(name.chars().take(64).collect()))?;
    Ok((zone, rest))
}

fn unquoted(name: &str) -> &str {
    let within = |quote: char| name.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(name)
}

fn word(word: &str, dialect: Dialect) -> Result<Trigger, CronError> {
    let week = weekday(dialect);
    let (minute, hour) = (Values::first(&MINUTE), Values::first(&HOUR));
    let (day, month) = (Values::first(&DAY), Values::first(&MONTH));
    let (days, months, weekdays) = (Values::all(&DAY), Values::all(&MONTH), Values::all(&week));
    let calendar = match word {
        "@yearly" | "@annually" => Calendar::new(minute, hour, day, month, weekdays, dialect),
        "@monthly" => Calendar::new(minute, hour, day, months, weekdays, dialect),
        "@weekly" => Calendar::new(minute, hour, days, months, Values::first(&week), dialect),
        "@daily" | "@midnight" => Calendar::new(minute, hour, days, months, weekdays, dialect),
        "@hourly" => Calendar::new(minute, Values::all(&HOUR), days, months, weekdays, dialect),
        "@triggered" | "@manual" | "@none" if dialect == Dialect::Newer => return Ok(Trigger::Manual),
        _ => return every(word, dialect),
    };
    Ok(Trigger::Calendar(calendar))
}

fn every(word: &str, dialect: Dialect) -> Result<Trigger, CronError> {
    let short = || word.chars().take(40).collect();
    let text = word.strip_prefix("@every ").ok_or_else(|| CronError::UnknownWord(short()))?;
    let duration = go_duration::parse(text).ok_or_else(|| CronError::BadDuration(short()))?;
    match dialect {
        Dialect::Newer if duration < SECOND => Err(CronError::BadDuration(short())),
        _ => Ok(Trigger::Every(duration.max(SECOND) / SECOND)),
    }
}
