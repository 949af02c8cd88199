//! The figures, and whether they reach what is aimed at.

use std::fmt;
use std::time::Duration;

use super::process::Usage;
use super::quota::{Histogram, Quota};
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
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        self.ratios(f)?;
        writeln!(f, "\nmemory, at rest and the most under load; ready after the start of a further replica")?;
        for one in &self.direct {
            writeln!(
                f,
                "  {:<12}{:>8.1} MB {:>8.1} MB {:>8.0} ms",
                one.who.name(),
                one.rest.memory,
                one.load.peak,
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
            if let Some(inside) = one.inside.quantile(0.99) {
                writeln!(f, "  {:<12}p99 inside the server at most {inside} ms", "")?;
                aim(f, "p99 inside the server in ms", inside, 2.0)?;
            }
        }
        self.write_creates(f)?;
        self.write_quota(f)
    }
}

impl Table {
    fn ratios(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ours, other] = self.direct.as_slice() else { return Ok(()) };
        let (a, b) = (&ours.busy, &other.busy);
        aim(f, "Gatekeeper's requests per second, of ours", b.rate() / a.rate(), 1.0 / 4.0)?;
        aim(f, "our p99, of Gatekeeper's", a.quantile(0.99) / b.quantile(0.99), 1.0 / 5.0)?;
        aim(f, "our memory at rest, of Gatekeeper's", ours.rest.memory / other.rest.memory, 1.0 / 5.0)?;
        aim(f, "our memory under load, of Gatekeeper's", ours.load.peak / other.load.peak, 1.0 / 5.0)?;
        aim(f, "ready after, in s", ours.ready_after.as_secs_f64(), 1.0)
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
        writeln!(f, "\ncreates of a snapshot by many at the same time")?;
        let crowds = [
            ("no webhook", &quota.without.created),
            ("room", &quota.with_room.created),
            ("refused", &quota.with_room.refused),
            ("no room", &quota.without_room.refused),
        ];
        for (what, sample) in crowds.into_iter().filter(|(_, sample)| sample.count() > 0) {
            let (p50, p99) = (sample.quantile(0.5), sample.quantile(0.99));
            writeln!(f, "  {what:<12}{:>8}     p50 {p50:>7.1} ms  p99 {p99:>7.1} ms", sample.count())?;
        }
        let failed = quota.without.failed + quota.with_room.failed + quota.without_room.failed;
        if failed > 0 {
            writeln!(f, "  FAILED      {failed:>8}     creates got another answer than yes or no room")?;
        }
        let added = quota.with_room.created.quantile(0.99) - quota.without.created.quantile(0.99);
        aim(f, "p99 that a claim adds, in ms", added, 50.0)?;
        if let (Some(p50), Some(p99)) = (quota.claims.quantile(0.5), quota.claims.quantile(0.99)) {
            writeln!(f, "  claims inside the server: p50 at most {p50} ms, p99 at most {p99} ms")?;
        }
        Ok(())
    }
}

fn aim(f: &mut fmt::Formatter<'_>, what: &str, value: f64, limit: f64) -> fmt::Result {
    let verdict = if value <= limit { "reached" } else { "MISSED" };
    writeln!(f, "  {what}: {value:.3} (aim: at most {limit:.3}: {verdict})")
}
