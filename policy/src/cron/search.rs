//! The search for the next run, in the steps of Velero's libraries: they decide what becomes of a schedule on the days on
//! which clocks change.

use jiff::{
    Timestamp,
    civil::{DateTime, Time},
    tz::Offset,
};

use super::{
    dialect::Dialect,
    field::{DAY, Values, weekday},
    zone::Zone,
};

/// Years after which both libraries give up.
const YEARS: i16 = 5;
/// More steps than any search takes.
const STEPS: u32 = 100_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// Times of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calendar {
    minute: Values,
    hour: Values,
    day: Values,
    month: Values,
    weekday: Values,
    days: Days,
    dialect: Dialect,
}

/// How the day of the month and the day of the week go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    /// Both must fit.
    Both,
    /// One is enough.
    Either,
}

/// Why a pass over the fields ends early.
enum Halt {
    /// A step led into the next hour, day, month or year: all fields are looked at anew.
    Wrapped,
    /// There is nothing left to search.
    Exhausted,
}

impl Calendar {
    pub(super) fn new(
        minute: Values,
        hour: Values,
        day: Values,
        month: Values,
        weekday: Values,
        dialect: Dialect,
    ) -> Self {
        // Like Unix's cron the older library joins two given days with "or"; the newer one joins them with "and".
        let days = match dialect {
            Dialect::Older if !day.star && !weekday.star => Days::Either,
            Dialect::Older | Dialect::Newer => Days::Both,
        };
        Self { minute, hour, day, month, weekday, days, dialect }
    }

    /// Whether both mean the same times.
    pub(super) fn reads_like(&self, other: &Self) -> bool {
        let times = self.minute.same_bits(other.minute) && self.hour.same_bits(other.hour);
        let fields = self.day.same_bits(other.day) && self.weekday.same_bits(other.weekday);
        times && self.month.same_bits(other.month) && fields && self.joined() == other.joined()
    }

    /// How the days go together, where that makes a difference.
    fn joined(&self) -> Days {
        let all = self.day.is_full(&DAY) && self.weekday.is_full(&weekday(self.dialect));
        if all { Days::Both } else { self.days }
    }

    /// The first moment after that one, both in seconds.
    pub(super) fn next(&self, after: i64, zone: &Zone) -> Option<i64> {
        if [self.minute, self.hour, self.day, self.month, self.weekday].into_iter().any(Values::is_empty) {
            return None;
        }
        let mut search = Search { calendar: self, zone, at: after.checked_add(1)?, moved: false, steps: STEPS };
        let last_year = search.shown().ok()?.year() + YEARS;
        while search.shown().ok()?.year() <= last_year {
            match search.pass() {
                Ok(found) => return Some(found),
                Err(Halt::Wrapped) => {}
                Err(Halt::Exhausted) => return None,
            }
        }
        None
    }

    fn has_day(&self, at: DateTime) -> bool {
        let day = self.day.has(at.day().into());
        let weekday = self.weekday.has(at.weekday().to_sunday_zero_offset().into());
        match self.days {
            Days::Both => day && weekday,
            Days::Either => day || weekday,
        }
    }
}

struct Search<'a> {
    calendar: &'a Calendar,
    zone: &'a Zone,
    /// Where the search is.
    at: i64,
    /// Whether it has left the moment where it began, and with it that moment's minutes and seconds.
    moved: bool,
    steps: u32,
}

impl Search<'_> {
    /// Looks at every field once, the greatest first.
    fn pass(&mut self) -> Result<i64, Halt> {
        self.months()?;
        self.days()?;
        self.hours()?;
        self.minutes()?;
        self.seconds()?;
        Ok(self.at)
    }

    /// What the clock shows.
    fn shown(&self) -> Result<DateTime, Halt> {
        let seconds = self.at.checked_add(self.zone.offset(self.at)).ok_or(Halt::Exhausted)?;
        Timestamp::from_second(seconds).map(|at| Offset::UTC.to_datetime(at)).map_err(|_| Halt::Exhausted)
    }

    fn show(&mut self, time: DateTime) -> Result<(), Halt> {
        let shown = Offset::UTC.to_timestamp(time).map_err(|_| Halt::Exhausted)?;
        self.at = self.zone.moment(shown.as_second());
        Ok(())
    }

    fn step(&mut self) -> Result<(), Halt> {
        self.steps = self.steps.checked_sub(1).ok_or(Halt::Exhausted)?;
        Ok(())
    }

    /// Leaves the moment where the search began; says whether it had not been left before.
    fn leave(&mut self) -> bool {
        !std::mem::replace(&mut self.moved, true)
    }

    fn months(&mut self) -> Result<(), Halt> {
        while !self.calendar.month.has(self.shown()?.month().into()) {
            self.step()?;
            if self.leave() {
                self.show(self.shown()?.date().first_of_month().to_datetime(Time::midnight()))?;
            }
            let time = self.shown()?;
            let next = time.date().last_of_month().tomorrow().map_err(|_| Halt::Exhausted)?;
            self.show(next.to_datetime(time.time()))?;
            if self.shown()?.month() == 1 {
                return Err(Halt::Wrapped);
            }
        }
        Ok(())
    }

    fn days(&mut self) -> Result<(), Halt> {
        while !self.calendar.has_day(self.shown()?) {
            self.step()?;
            if self.leave() {
                self.show(self.shown()?.date().to_datetime(Time::midnight()))?;
            }
            let time = self.shown()?;
            let next = time.date().tomorrow().map_err(|_| Halt::Exhausted)?;
            self.show(next.to_datetime(time.time()))?;
            // Where clocks leave out midnight, the day begins an hour off.
            match i64::from(self.shown()?.hour()) {
                0 => {}
                hour @ 13.. => self.at += (24 - hour) * HOUR,
                hour => self.at -= hour * HOUR,
            }
            if self.shown()?.day() == 1 {
                return Err(Halt::Wrapped);
            }
        }
        Ok(())
    }

    fn hours(&mut self) -> Result<(), Halt> {
        while !self.calendar.hour.has(self.shown()?.hour().into()) {
            self.step()?;
            if self.leave() {
                let time = self.shown()?;
                self.show(time.date().at(time.hour(), 0, 0, 0))?;
            }
            let before = i64::from(self.shown()?.hour());
            self.at += HOUR;
            let now = i64::from(self.shown()?.hour());
            // The newer library runs at once what the clocks have just left out.
            if self.calendar.dialect == Dialect::Newer && now - before == 2 && self.calendar.hour.has(now - 1) {
                return Ok(());
            }
            if now == 0 {
                return Err(Halt::Wrapped);
            }
        }
        Ok(())
    }

    fn minutes(&mut self) -> Result<(), Halt> {
        while !self.calendar.minute.has(self.shown()?.minute().into()) {
            self.step()?;
            if self.leave() {
                self.at -= self.at.rem_euclid(MINUTE);
            }
            self.at += MINUTE;
            if self.shown()?.minute() == 0 {
                return Err(Halt::Wrapped);
            }
        }
        Ok(())
    }

    /// Every schedule of five fields runs in second 0: with another, it is the next minute's turn.
    fn seconds(&mut self) -> Result<(), Halt> {
        let past = i64::from(self.shown()?.second());
        if past == 0 {
            return Ok(());
        }
        self.step()?;
        self.moved = true;
        self.at += MINUTE - past;
        Err(Halt::Wrapped)
    }
}
