//! Whether the store holds what clients were told it holds, and nothing else.

use std::collections::BTreeSet;

use super::{Judgement, Violation};
use crate::history::{Evidence, Form, Outcome};

/// Compares answers with the history. A lost creation also shows that the history has a hole.
pub fn check(evidence: &Evidence, judgement: &mut Judgement) {
    let made: BTreeSet<_> = evidence.changes.iter().filter_map(|change| change.to.as_ref()?.ticket).collect();
    for attempt in &evidence.attempts {
        let stored = made.contains(&attempt.ticket);
        let dry_run = attempt.form == Form::DryRun;
        if stored && (dry_run || attempt.outcome.is_refusal()) {
            let outcome = attempt.outcome.clone();
            judgement.violations.push(Violation::Stored { ticket: attempt.ticket, outcome });
        }
        if !stored && !dry_run && attempt.outcome == Outcome::Created {
            judgement.violations.push(Violation::Lost { ticket: attempt.ticket });
        }
    }
}
