//! The course of a run: what the other webhook refuses when, and until when the load goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::{task::JoinSet, time::sleep};

use crate::args::Args;
use crate::configuration::Hook;
use crate::faults::{self, Happened, Victims};
use crate::load::{Load, api::Server};

/// Whatever happens, a run is over by then.
const LONGEST: Duration = Duration::from_secs(900);
const TOLD_EVERY: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);
/// A record of a create that came to nothing stays for most of a minute; then the slots fill within seconds, and stay as they are.
const UNTIL_FULL: Duration = Duration::from_secs(180);

/// A part of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    /// Whether the other webhook is asked.
    refusing: bool,
    /// How many tries it takes at least.
    tries: u32,
    /// Whether it goes on until the faults are over.
    outlasts_faults: bool,
}

/// What the other webhook refuses holds its slot for most of a minute, so that with it slots change hands a few times a minute: a part of the
/// load has to be without it. Refusing from the start, the slots are free again long before a full run's faults are over. A quick
/// run has not that time, and begins without.
fn stretches(quick: bool, refused: u32, least: u32) -> [Stretch; 2] {
    let part = |first: bool| Stretch {
        refusing: refused > 0 && first != quick,
        tries: if first { least / 2 } else { least - least / 2 },
        outlasts_faults: !first,
    };
    [part(true), part(false)]
}

/// What a course goes through.
pub struct Course<'a, T> {
    /// The command line.
    pub args: &'a Args,
    /// The other webhook.
    pub other: &'a Hook<'a>,
    /// The API servers.
    pub servers: &'a [Server],
    /// What faults happen to.
    pub victims: Arc<Victims>,
    /// Tells people what comes now.
    pub tell: T,
}

impl<T: Fn(&str)> Course<'_, T> {
    /// Begins the load and lets the faults happen, until all was tried and the limit was seen to be reached. Returns the load, which
    /// still goes on, and the faults in the order of their time.
    pub async fn run(&self, load: impl FnOnce() -> Result<Load>) -> Result<(Load, Vec<Happened>)> {
        let args = self.args;
        let stretches = stretches(args.quick, args.refused, args.least());
        let over = Instant::now() + LONGEST;
        // From the first try on.
        if stretches.iter().take(1).any(|first| first.refusing) {
            self.other.install(self.servers).await?;
        }
        let load = load()?;
        let mut going = Going { load: &load, faults: self.faults(), happened: Vec::new(), next: Instant::now() };
        for stretch in stretches {
            let begun = self.set(stretch.refusing, &going, over).await?;
            let enough = |going: &Going<'_>| {
                let tries = going.load.begun() >= begun + stretch.tries;
                tries && (going.faults.is_empty() || !stretch.outlasts_faults)
            };
            if !going.until(enough, over, &self.tell).await? {
                bail!("{} tries in {LONGEST:?}, {} rows of faults are not over", load.begun(), going.faults.len());
            }
        }
        self.set(false, &going, over).await?;
        (self.tell)("objects live on now, until many are told that the quota is full");
        load.linger(true);
        let before = load.told_full();
        let told = |going: &Going<'_>| usize::try_from(going.load.told_full() - before).unwrap_or(usize::MAX);
        let full = |going: &Going<'_>| told(going) >= args.told_full();
        if !going.until(full, Instant::now() + UNTIL_FULL, &self.tell).await? {
            // Whether that is enough is judged with all else that has to be tried.
            (self.tell)(&format!("only {} of {} were told so in {UNTIL_FULL:?}", told(&going), args.told_full()));
        }
        load.linger(false);
        let mut happened = going.happened;
        happened.sort_by_key(|happened| happened.from);
        Ok((load, happened))
    }

    fn faults(&self) -> JoinSet<Result<Vec<Happened>>> {
        let rows = if self.args.no_faults { Vec::new() } else { faults::rows(self.args.quick) };
        let mut tasks = JoinSet::new();
        for row in rows {
            let victims = Arc::clone(&self.victims);
            tasks.spawn(async move { victims.row(&row).await });
        }
        tasks
    }

    /// Has the other webhook asked, or not, and tells how many tries had begun by then.
    async fn set(&self, refusing: bool, going: &Going<'_>, over: Instant) -> Result<u32> {
        loop {
            let set =
                if refusing { self.other.install(self.servers).await } else { self.other.remove(self.servers).await };
            match set {
                Ok(()) => break,
                // An API server may be down just now.
                Err(_) if Instant::now() < over => sleep(PAUSE).await,
                Err(error) => return Err(error).context("the other webhook"),
            }
        }
        let begun = going.load.begun();
        let share = if refusing { self.args.refused } else { 0 };
        (self.tell)(&format!("from try {begun} on another webhook refuses {share} %"));
        Ok(begun)
    }
}

/// A load with its faults, under way.
struct Going<'a> {
    load: &'a Load,
    faults: JoinSet<Result<Vec<Happened>>>,
    happened: Vec<Happened>,
    /// When people are told again.
    next: Instant,
}

impl Going<'_> {
    /// Whether it came to that before this time.
    async fn until(&mut self, enough: impl Fn(&Self) -> bool, over: Instant, tell: &impl Fn(&str)) -> Result<bool> {
        loop {
            while let Some(row) = self.faults.try_join_next() {
                self.happened.extend(row??);
            }
            if enough(self) {
                return Ok(true);
            }
            let now = Instant::now();
            if now > over {
                return Ok(false);
            }
            if now > self.next {
                tell(&format!("{} tries", self.load.begun()));
                self.next = now + TOLD_EVERY;
            }
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_run_is_refused_from_the_start_and_each_run_has_a_part_without() {
        let refusing = |quick, refused| stretches(quick, refused, 5).map(|stretch| stretch.refusing);
        assert_eq!(refusing(false, 30), [true, false]);
        assert_eq!(refusing(true, 30), [false, true]);
        for quick in [false, true] {
            assert_eq!(refusing(quick, 0), [false, false]);
            let [first, last] = stretches(quick, 30, 5);
            assert_eq!(first.tries + last.tries, 5);
            assert!(last.outlasts_faults);
        }
    }
}
