//! One of the five fields: lists, ranges, steps and names.

use super::{dialect::Dialect, error::CronError};

/// Marks a field that was left open by a star or a question mark; no field has 63 values.
const STAR: u64 = 1 << 63;
/// Sunday's other number.
const SEVEN: u64 = 1 << 7;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// What a field may hold.
#[derive(Debug)]
pub(super) struct Bounds {
    name: &'static str,
    min: u64,
    max: u64,
    /// Names of the values, from `min` on.
    names: &'static [&'static str],
}

pub(super) const MINUTE: Bounds = Bounds { name: "minute", min: 0, max: 59, names: &[] };
pub(super) const HOUR: Bounds = Bounds { name: "hour", min: 0, max: 23, names: &[] };
pub(super) const DAY: Bounds = Bounds { name: "day of month", min: 1, max: 31, names: &[] };
pub(super) const MONTH: Bounds = Bounds { name: "month", min: 1, max: 12, names: &MONTHS };

/// The bounds of the day of the week: only the newer parser knows a seventh day, which is Sunday again.
pub(super) const fn weekday(dialect: Dialect) -> Bounds {
    Bounds { name: "day of week", min: 0, max: dialect.last_weekday(), names: &DAYS }
}

/// The values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Values {
    bits: u64,
    /// Whether the field was left open.
    pub(super) star: bool,
}

impl Values {
    pub(super) fn all(bounds: &Bounds) -> Self {
        Self { bits: sunday_once(span(bounds.min, bounds.max, 1), bounds), star: true }
    }

    pub(super) fn first(bounds: &Bounds) -> Self {
        Self { bits: 1 << bounds.min, star: false }
    }

    pub(super) fn has(self, value: i64) -> bool {
        u32::try_from(value).ok().and_then(|value| 1_u64.checked_shl(value)).is_some_and(|bit| self.bits & bit != 0)
    }

    /// A list of nothing but commas is accepted, and matches nothing.
    pub(super) fn is_empty(self) -> bool {
        self.bits == 0
    }

    pub(super) fn is_full(self, bounds: &Bounds) -> bool {
        self.bits == Self::all(bounds).bits
    }

    pub(super) fn same_bits(self, other: Self) -> bool {
        self.bits == other.bits
    }
}

/// Reads a field.
pub(super) fn parse(text: &str, bounds: &Bounds, dialect: Dialect) -> Result<Values, CronError> {
    let mut bits = 0;
    for part in text.split(',').filter(|part| !part.is_empty()) {
        bits |= range(part, bounds, dialect).map_err(|why| CronError::BadField {
            field: bounds.name,
            part: cut(part),
            why,
        })?;
    }
    Ok(Values { bits: sunday_once(bits & !STAR, bounds), star: bits & STAR != 0 })
}

fn range(part: &str, bounds: &Bounds, dialect: Dialect) -> Result<u64, String> {
    let mut halves = part.split('/');
    let (ends, step, more) = (halves.next().unwrap_or_default(), halves.next(), halves.next());
    if more.is_some() {
        return Err("it has more than one slash".to_owned());
    }
    let mut numbers = ends.split('-');
    let (low, high, more) = (numbers.next().unwrap_or_default(), numbers.next(), numbers.next());
    let mut star = 0;
    let (first, mut last) = if matches!(low, "*" | "?") {
        star = STAR;
        (bounds.min, bounds.max)
    } else if more.is_some() {
        return Err("it has more than one hyphen".to_owned());
    } else {
        let first = number(low, bounds)?;
        (first, high.map_or(Ok(first), |high| number(high, bounds))?)
    };
    let step = match step {
        None => 1,
        Some(step) => {
            // "5/15" means from 5 to the end.
            if high.is_none() {
                last = bounds.max;
            }
            let step = integer(step).ok_or_else(|| "its step is no number".to_owned())?;
            if step > 1 {
                star = 0;
            }
            step
        }
    };
    if first < bounds.min || last > bounds.max {
        return Err(format!("it goes from {} to {}", bounds.min, bounds.max));
    }
    if step == 0 {
        return Err("a step is 1 or more".to_owned());
    }
    dialect.check_range(first, last, step, bounds.max - bounds.min + 1)?;
    Ok(star | if first > last { around(first, last, step, bounds) } else { span(first, last, step) })
}

fn number(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let name = bounds.names.iter().zip(bounds.min..).find(|(name, _)| name.eq_ignore_ascii_case(text));
    name.map(|(_, value)| value).or_else(|| integer(text)).ok_or_else(|| match bounds.names {
        [] => format!("write numbers from {} to {}, as in 5, 1-5, */2 or 1,15", bounds.min, bounds.max),
        names => format!("write numbers from {} to {} or names such as {}", bounds.min, bounds.max, names[1]),
    })
}

/// Go's `Atoi`, which takes a leading plus, but for negative numbers.
fn integer(text: &str) -> Option<u64> {
    text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok())
}

fn span(first: u64, last: u64, step: u64) -> u64 {
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    (first..=last).step_by(step).fold(0, |bits, value| bits | 1 << value)
}

/// A range beyond the field's end, as in 22-2.
fn around(first: u64, last: u64, step: u64, bounds: &Bounds) -> u64 {
    let size = bounds.max - bounds.min + 1;
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    (first..=last + size).step_by(step).fold(0, |bits, value| bits | 1 << ((value - bounds.min) % size + bounds.min))
}

fn sunday_once(bits: u64, bounds: &Bounds) -> u64 {
    if bounds.max == 7 && bits & SEVEN != 0 { (bits | 1) & !SEVEN } else { bits }
}

/// An answer does not grow with the question.
fn cut(part: &str) -> String {
    part.chars().take(40).collect()
}
