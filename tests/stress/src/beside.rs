//! Two runs beside each other: what the ledger is for.

use std::fmt;

use crate::history::Outcome;
use crate::metrics::total;
use crate::report::Report;

/// One run in a few figures.
pub struct Row {
    counter: String,
    tries: usize,
    seconds: f64,
    stored: usize,
    refused: usize,
    later: usize,
    conflicts: f64,
    faults: usize,
    limit: usize,
    max_alive: usize,
    over_admitted: usize,
}

impl Row {
    /// The figures of a report.
    pub fn of(counter: String, report: &Report<'_>) -> Self {
        let attempts = &report.evidence.attempts;
        let count = |outcome: &Outcome| attempts.iter().filter(|attempt| attempt.outcome == *outcome).count();
        let end = attempts.iter().map(|attempt| attempt.end).max().unwrap_or_default();
        let start = attempts.iter().map(|attempt| attempt.start).min().unwrap_or_default();
        let conflicts = total(report.counts, "backup_webhook_quota_ledger_writes_total", "outcome=\"conflict\"");
        Self {
            counter,
            tries: attempts.len(),
            seconds: (end - start).as_secs_f64(),
            stored: report.judgement.created,
            refused: count(&Outcome::Full),
            later: attempts.iter().filter(|attempt| matches!(attempt.outcome, Outcome::TryAgain(_))).count(),
            conflicts,
            faults: report.faults.len(),
            limit: report.evidence.limit,
            max_alive: report.judgement.max_alive,
            over_admitted: report.judgement.over_admitted,
        }
    }
}

/// Runs beside each other.
pub struct Beside<'a>(pub &'a [Row]);

impl fmt::Display for Beside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nbeside each other, under the same load and the same faults")?;
        writeln!(
            f,
            "  {:<10}{:>8}{:>9}{:>8}{:>9}{:>7}{:>11}{:>8}{:>12}{:>15}",
            "",
            "creates",
            "seconds",
            "stored",
            "no room",
            "later",
            "conflicts",
            "faults",
            "most alive",
            "over-admitted"
        )?;
        for row in self.0 {
            writeln!(
                f,
                "  {:<10}{:>8}{:>9.0}{:>8}{:>9}{:>7}{:>11.0}{:>8}{:>9}/{:<2}{:>15}",
                row.counter,
                row.tries,
                row.seconds,
                row.stored,
                row.refused,
                row.later,
                row.conflicts,
                row.faults,
                row.max_alive,
                row.limit,
                row.over_admitted
            )?;
        }
        Ok(())
    }
}
