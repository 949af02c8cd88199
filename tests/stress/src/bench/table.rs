//! The figures, and whether they reach what is aimed at.

use std::fmt;
use std::time::Duration;

use super::creates::Crowd;
use super::process::Usage;
use super::quota::{Crowds, Histogram, Quota, Spent};
use super::subject::Who;
use crate::figures::Sample;

/// Everything that was measured.
#[derive(Default)]
pub struct Table {
    pub direct: Vec<Direct>,
    pub creates: Vec<(&'static str, Sample)>,
    pub quota: Option<Quota>,
}

/// One webhook by itself.
pub struct Direct {
    pub who: Who,
    pub first_ready_after: Duration,
    pub ready_after: Duration,
    pub rest: Usage,
    pub load: Usage,
    /// During the first load.
    pub cpu: Duration,
    /// As many as it answers.
    pub busy: Sample,
    /// A thousand a second.
    pub steady: Sample,
    /// The same, as it counts itself.
    pub inside: Histogram,
}

impl Direct {
    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    fn per_core(&self) -> f64 {
        self.busy.count() as f64 / self.cpu.as_secs_f64()
    }

    fn aim(&self) -> Option<Aim> {
        self.inside.quantile(0.99).map(|inside| Aim::new("p99 inside the server in ms", inside, 2.0))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.direct.is_empty() {
            return self.write_quota(f);
        }
        writeln!(f, "\npod reviews over 32 connections, straight at the webhook")?;
        for one in &self.direct {
            let (busy, who) = (&one.busy, one.who.name());
            writeln!(
                f,
                "  {who:<12}{:>8.0} /s {:>8.0} /s per core  p50 {:>7.2} ms  p99 {:>7.2} ms",
                busy.rate(),
                one.per_core(),
                busy.quantile(0.5),
                busy.quantile(0.99)
            )?;
        }
        tell(f, &self.ratios())?;
        writeln!(
            f,
            "\nmemory, at rest and the most under load; ready after the start of the first replica, and of a further one"
        )?;
        for one in &self.direct {
            writeln!(
                f,
                "  {:<12}{:>8.1} MB {:>8.1} MB {:>8.0} ms {:>8.0} ms",
                one.who.name(),
                one.rest.memory,
                one.load.peak,
                one.first_ready_after.as_secs_f64() * 1e3,
                one.ready_after.as_secs_f64() * 1e3
            )?;
        }
        writeln!(f, "\n1,000 pod reviews a second")?;
        for one in &self.direct {
            let steady = &one.steady;
            writeln!(
                f,
                "  {:<12}{:>8.0} /s  p50 {:>7.2} ms  p99 {:>7.2} ms",
                one.who.name(),
                steady.rate(),
                steady.quantile(0.5),
                steady.quantile(0.99)
            )?;
            if let Some(aim) = one.aim() {
                writeln!(f, "  {:<12}p99 inside the server at most {} ms", "", aim.value)?;
                writeln!(f, "{aim}")?;
            }
        }
        self.write_creates(f)?;
        self.write_quota(f)
    }
}

impl Table {
    /// What is aimed at and was not reached, for people.
    pub fn missed(&self) -> Vec<String> {
        let quota = self.quota.iter().flat_map(|quota| [("saturated", &quota.saturated), ("paced", &quota.paced)]);
        let of_quota = quota.flat_map(|(how, crowds)| crowds.aims().map(|aim| (how, aim)));
        let of_direct = self.ratios().into_iter().chain(self.direct.iter().filter_map(Direct::aim));
        let all = of_direct.map(|aim| ("direct", aim)).chain(of_quota);
        all.filter(|(_, aim)| !aim.is_reached()).map(|(how, aim)| format!("{how}: {}", aim.what)).collect()
    }

    fn ratios(&self) -> Vec<Aim> {
        let [ours, other] = self.direct.as_slice() else { return Vec::new() };
        let (a, b) = (&ours.busy, &other.busy);
        vec![
            Aim::new("Gatekeeper's requests per second, of ours", b.rate() / a.rate(), 1.0 / 4.0),
            Aim::new("our p99, of Gatekeeper's", a.quantile(0.99) / b.quantile(0.99), 1.0 / 5.0),
            Aim::new("our memory at rest, of Gatekeeper's", ours.rest.memory / other.rest.memory, 1.0 / 5.0),
            Aim::new("our memory under load, of Gatekeeper's", ours.load.peak / other.load.peak, 1.0 / 5.0),
            Aim::new("the first ready after, in s", ours.first_ready_after.as_secs_f64(), 1.0),
            Aim::new("a further one ready after, in s", ours.ready_after.as_secs_f64(), 1.0),
        ]
    }

    fn write_creates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\ncreates of a pod through the API server, one after the other")?;
        let none = self.creates.first().map(|(_, sample)| sample.clone()).unwrap_or_default();
        for (who, sample) in &self.creates {
            let (p50, p99) = (sample.quantile(0.5), sample.quantile(0.99));
            let (more50, more99) = (p50 - none.quantile(0.5), p99 - none.quantile(0.99));
            let count = sample.count();
            writeln!(
                f,
                "  {who:<12}{count:>8}     p50 {p50:>7.2} ms ({more50:+.2})  p99 {p99:>7.2} ms ({more99:+.2})"
            )?;
        }
        Ok(())
    }

    fn write_quota(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(quota) = &self.quota else { return Ok(()) };
        writeln!(
            f,
            "\nsnapshots created and deleted by many at the same time, as fast as they are answered: the creates"
        )?;
        quota.saturated.write(f)?;
        writeln!(f, "\nthe same, one create a second each")?;
        quota.paced.write(f)?;
        writeln!(f, "\ncreates and claims, as the API server and {} replicas count them", quota.replicas)?;
        for (phase, times) in &quota.phases {
            if let (Some(p50), Some(p99)) = (times.quantile(0.5), times.quantile(0.99)) {
                writeln!(f, "  {phase:<26} p50 at most {p50:>8.1} ms  p99 at most {p99:>8.1} ms")?;
            }
        }
        let Quota { writes, conflicts, handed, .. } = quota;
        writeln!(f, "  ledger writes: {writes:.0}, and {conflicts:.0} that met another's; {handed:.0} claims handed on")
    }
}

impl Crowds {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crowds = [
            ("no webhook", &self.without, &self.without.crowd.created),
            ("and writes", &self.beside_writes, &self.beside_writes.crowd.created),
            ("granted", &self.with_room, &self.with_room.crowd.created),
            ("refused", &self.without_room, &self.without_room.crowd.refused),
        ];
        let sample = |times: &[Duration]| Sample::new(times.to_vec(), Duration::ZERO);
        for (what, spent, times) in crowds {
            let (Spent { crowd, cpu }, sample) = (spent, sample(times));
            let (p50, p99) = (sample.quantile(0.5), sample.quantile(0.99));
            write!(f, "  {what:<12}{:>6}  p50 {p50:>7.1} ms  p99 {p99:>7.1} ms ", sample.count())?;
            write!(f, " {:>5.0} /s ", rate(sample.count(), crowd.took))?;
            for (program, time) in cpu {
                write!(f, "  {program} {:.1}", milliseconds_each(*time, crowd))?;
            }
            writeln!(f, " ms of processor time each")?;
            if crowd.later > 0 {
                writeln!(f, "  {:<12}{:>6}  were told to try again", "", crowd.later)?;
            }
            if let Some(failure) = &crowd.failure {
                writeln!(f, "  FAILED      {:>6}  got another answer, the first: {failure}", crowd.failed)?;
            }
        }
        let writes = sample(&self.writes);
        writeln!(
            f,
            "  the floor: {} bare writes of an object like the ledger, one after the other: p50 {:.1} ms  p99 {:.1} ms",
            writes.count(),
            writes.quantile(0.5),
            writes.quantile(0.99)
        )?;
        tell(f, &self.aims())
    }

    fn aims(&self) -> [Aim; 2] {
        let p99 = |times: &[Duration]| Sample::new(times.to_vec(), Duration::ZERO).quantile(0.99);
        let none = p99(&self.without.crowd.created);
        let (granted, refused) = (p99(&self.with_room.crowd.created), p99(&self.without_room.crowd.refused));
        [
            Aim::new("p99 that a granted claim adds, in ms", granted - none, 50.0),
            Aim::new("p99 that a refusal takes longer than a create, in ms", refused - none, 50.0),
        ]
    }
}

#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
fn milliseconds_each(time: Duration, crowd: &Crowd) -> f64 {
    let all = crowd.created.len() + crowd.refused.len() + crowd.later + crowd.failed;
    time.as_secs_f64() * 1e3 / all.max(1) as f64
}

/// What a figure is to be at most.
struct Aim {
    what: &'static str,
    value: f64,
    limit: f64,
}

impl Aim {
    fn new(what: &'static str, value: f64, limit: f64) -> Self {
        Self { what, value, limit }
    }

    /// What was not measured is not reached.
    fn is_reached(&self) -> bool {
        self.value <= self.limit
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, limit } = self;
        let verdict = if self.is_reached() { "reached" } else { "MISSED" };
        write!(f, "  {what}: {value:.3} (aim: at most {limit:.3}: {verdict})")
    }
}

fn tell(f: &mut fmt::Formatter<'_>, aims: &[Aim]) -> fmt::Result {
    aims.iter().try_for_each(|aim| writeln!(f, "{aim}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_missed_by_what_is_more_and_by_what_is_no_number() {
        let aim = |value| Aim::new("it", value, 50.0);
        assert!(aim(50.0).is_reached());
        assert!(!aim(50.1).is_reached() && !aim(f64::NAN).is_reached());
        assert_eq!(aim(60.0).to_string(), "  it: 60.000 (aim: at most 50.000: MISSED)");
    }

    #[test]
    fn each_aim_that_was_missed_is_named_with_its_load() {
        let crowds = |granted: u64, refused: u64| {
            let times = |milliseconds| vec![Duration::from_millis(milliseconds); 4];
            let mut crowds = Crowds::default();
            crowds.without.crowd.created = times(10);
            crowds.with_room.crowd.created = times(granted);
            crowds.without_room.crowd.refused = times(refused);
            crowds
        };
        let missed = |saturated, paced| {
            let quota =
                Quota { saturated, paced, phases: Vec::new(), writes: 0.0, conflicts: 0.0, handed: 0.0, replicas: 3 };
            Table { quota: Some(quota), ..Table::default() }.missed()
        };
        assert_eq!(missed(crowds(50, 50), crowds(50, 50)), Vec::<String>::new());
        let named = missed(crowds(70, 50), crowds(50, 70));
        assert_eq!(
            named,
            [
                "saturated: p99 that a granted claim adds, in ms",
                "paced: p99 that a refusal takes longer than a create, in ms"
            ]
        );
    }
}
