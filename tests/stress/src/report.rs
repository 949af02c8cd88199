//! What a run showed, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::faults::Happened;
use crate::figures::Sample;
use crate::history::{Attempt, Evidence, Later, Outcome};
use crate::metrics::{Series, total};
use crate::oracle::{Judgement, Laters};

/// Violations that are told one by one.
const SHOWN: usize = 20;

/// Everything that is told.
pub struct Report<'a> {
    /// What the run was.
    pub title: String,
    /// What happened.
    pub evidence: &'a Evidence,
    /// What it means.
    pub judgement: &'a Judgement,
    /// What went wrong on purpose.
    pub faults: &'a [Happened],
    /// What the replicas counted.
    pub counts: &'a Series,
    /// How long after the last create the slots were those of living objects.
    pub rest: Option<Duration>,
}

impl Report<'_> {
    /// The text.
    pub fn text(&self) -> String {
        let mut out = format!("\n{}\n", self.title);
        self.write(&mut out).map_or_else(|error| error.to_string(), |()| out)
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let attempts = &self.evidence.attempts;
        let judgement = self.judgement;
        let end = attempts.iter().map(|attempt| attempt.end).max().unwrap_or_default();
        let start = attempts.iter().map(|attempt| attempt.start).min().unwrap_or_default();
        let seconds = (end - start).as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = attempts.len() as f64 / seconds;
        writeln!(out, "  creates          {:>7}  in {seconds:.0} s, {rate:.0} a second", attempts.len())?;
        let mut forms = BTreeMap::new();
        for attempt in attempts {
            *forms.entry(format!("{:?}", attempt.form)).or_insert(0) += 1;
        }
        writeln!(out, "    by form        {forms:?}")?;
        for (outcome, times) in by_outcome(attempts) {
            let sample = Sample::new(times, end - start);
            let (count, p50, p99) = (sample.count(), sample.quantile(0.5), sample.quantile(0.99));
            writeln!(out, "    {outcome:<24}{count:>7}  p50 {p50:>6.0} ms  p99 {p99:>6.0} ms")?;
        }
        writeln!(out, "  objects stored   {:>7}", judgement.created)?;
        writeln!(
            out,
            "  maximum alive    {:>7}  of {} (at revision {})",
            judgement.max_alive, self.evidence.limit, judgement.max_at
        )?;
        writeln!(out, "  over-admitted    {:>7}", judgement.over_admitted)?;
        if !self.evidence.ledger.is_empty() {
            writeln!(out, "  ledger writes    {:>7}  most slots {}", judgement.ledger_writes, judgement.max_slots)?;
            let Laters { proven, beside_fault, unproven } = judgement.laters;
            writeln!(
                out,
                "  told to try again {proven:>6}  as the ledger's history shows, {beside_fault} for what it cannot show beside a fault, \
                 {unproven} without one"
            )?;
            for outcome in ["committed", "conflict", "unknown"] {
                let label = format!("outcome=\"{outcome}\"");
                let count = total(self.counts, "backup_webhook_quota_ledger_writes_total", &label);
                writeln!(out, "    {outcome:<15}{count:>7}  as the replicas counted before they were killed")?;
            }
            let adopted = total(self.counts, "backup_webhook_quota_adopted_objects_total", "");
            writeln!(out, "  adopted          {adopted:>7}")?;
        }
        if let Some(rest) = self.rest {
            writeln!(out, "  slots = objects  {:>7.0}  s after the last create", rest.as_secs_f64())?;
        }
        for Happened { fault, from, .. } in self.faults {
            writeln!(out, "  {:>6.1} s  {fault}", from.as_secs_f64())?;
        }
        writeln!(out, "  violations       {:>7}", judgement.violations.len())?;
        for violation in judgement.violations.iter().take(SHOWN) {
            writeln!(out, "    {violation}")?;
        }
        Ok(())
    }
}

fn in_words(why: &Later) -> &str {
    match why {
        Later::Taken => "taken, creates wait",
        Later::Namespace { .. } => "namespace's share",
        Later::User { .. } => "user's share",
        Later::Key { .. } => "one name",
        Later::Overloaded => "too much to do",
        Later::SettingUp => "being set up",
        Later::NotInTime => "not in time",
        Later::Other(said) => said,
    }
}

/// The time of each try, by what it led to. Dry runs are told apart: they store nothing.
fn by_outcome(attempts: &[Attempt]) -> BTreeMap<String, Vec<Duration>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for attempt in attempts {
        let name = match (&attempt.outcome, attempt.form) {
            (Outcome::Created, crate::history::Form::DryRun) => "would be created".to_owned(),
            (Outcome::Created, _) => "created (201)".to_owned(),
            (Outcome::Updated, _) => "applied (200)".to_owned(),
            (Outcome::AlreadyExists, _) => "exists already (409)".to_owned(),
            (Outcome::Full, _) => "no room (403)".to_owned(),
            (Outcome::TryAgain(why), _) => format!("429: {}", in_words(why)),
            (Outcome::OtherWebhook, _) => "other webhook's refusal".to_owned(),
            (Outcome::HookFailed, _) => "webhook not reached".to_owned(),
            (Outcome::Failed(why), _) => why.clone(),
        };
        all.entry(name).or_default().push(attempt.end - attempt.start);
    }
    all
}
