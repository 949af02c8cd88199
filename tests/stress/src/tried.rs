//! Whether a run tried what it is about. That nothing went wrong means little where little happened.

use std::collections::BTreeSet;

use crate::history::{Evidence, Form, Outcome};

/// What was not tried, for people; nothing when the run shows something.
///
/// The evidence is that of the load alone: what is made at the end, into the empty cluster, fills it in any case.
pub fn untried(load: &Evidence, refused: u32, told_full: usize) -> Vec<String> {
    let outcomes = |outcome: &Outcome| load.attempts.iter().filter(|attempt| attempt.outcome == *outcome).count();
    let mut missing = Vec::new();
    if refused > 0 && outcomes(&Outcome::OtherWebhook) == 0 {
        missing.push("the other webhook refused nothing".to_owned());
    }
    // Each is judged too: see `oracle::refusals`.
    let full = outcomes(&Outcome::Full);
    if full < told_full {
        missing.push(format!("only {full} of {told_full} were told that the quota is full"));
    }
    for form in [Form::Named, Form::Generated, Form::Applied, Form::Storm, Form::DryRun] {
        if !load.attempts.iter().any(|attempt| attempt.form == form && attempt.outcome == Outcome::Created) {
            missing.push(format!("nothing was created in the form {form:?}"));
        }
    }
    let most = most_alive(load);
    if most < load.limit {
        missing.push(format!("only {most} of {} were alive at once", load.limit));
    }
    missing
}

/// The most of the load's objects that were alive at once.
fn most_alive(load: &Evidence) -> usize {
    let tickets: BTreeSet<_> = load.attempts.iter().map(|attempt| attempt.ticket).collect();
    let mut alive = BTreeSet::new();
    let mut most = 0;
    for change in &load.changes {
        let ticket = change.to.as_ref().and_then(|stored| stored.ticket);
        if ticket.is_some_and(|ticket| tickets.contains(&ticket)) {
            alive.insert(change.key.as_str());
        } else {
            alive.remove(change.key.as_str());
        }
        most = most.max(alive.len());
    }
    most
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::history::{Attempt, Change, Later, Stored};

    const FORMS: [Form; 5] = [Form::Named, Form::Generated, Form::Applied, Form::Storm, Form::DryRun];

    fn attempt(ticket: u32, form: Form, outcome: Outcome) -> Attempt {
        Attempt { ticket, form, start: Duration::ZERO, end: Duration::ZERO, outcome }
    }

    fn made(revision: u64, ticket: u32) -> Change {
        let stored = Stored { uid: format!("uid-{ticket}"), ticket: Some(ticket) };
        Change { revision, key: format!("a/{ticket}"), to: Some(stored) }
    }

    /// Of everything a little, with a limit of two.
    fn enough() -> Evidence {
        let created = (0..).zip(FORMS).map(|(ticket, form)| attempt(ticket, form, Outcome::Created));
        let refused = [(5, Outcome::Full), (6, Outcome::OtherWebhook)];
        let refused = refused.map(|(ticket, outcome)| attempt(ticket, Form::Named, outcome));
        let attempts = created.chain(refused).collect();
        Evidence { limit: 2, attempts, changes: vec![made(1, 0), made(2, 1)], ..Evidence::default() }
    }

    #[test]
    fn a_run_that_tried_everything_shows_something() {
        assert_eq!(untried(&enough(), 30, 1), Vec::<String>::new());
    }

    #[test]
    fn whatever_is_left_out_is_named() {
        let said = |change: &dyn Fn(&mut Evidence)| {
            let mut evidence = enough();
            change(&mut evidence);
            untried(&evidence, 30, 1).join("; ")
        };
        let without = |outcome: Outcome| said(&|evidence| evidence.attempts.retain(|it| it.outcome != outcome));
        assert_eq!(without(Outcome::OtherWebhook), "the other webhook refused nothing");
        assert_eq!(without(Outcome::Full), "only 0 of 1 were told that the quota is full");
        let busy = |evidence: &mut Evidence| {
            evidence.attempts.retain(|it| it.outcome != Outcome::Full);
            evidence.attempts.push(attempt(7, Form::Named, Outcome::TryAgain(Later::Taken)));
        };
        assert_eq!(said(&busy), "only 0 of 1 were told that the quota is full");
        assert_eq!(untried(&enough(), 30, 2), ["only 1 of 2 were told that the quota is full"]);
        for form in FORMS {
            let text = said(&|evidence| {
                evidence.attempts.iter_mut().filter(|it| it.form == form).for_each(|it| it.form = FORMS[0]);
                evidence.attempts.retain(|it| it.form != form || form != FORMS[0] || it.outcome != Outcome::Created);
            });
            assert!(text.contains(&format!("in the form {form:?}")), "{form:?}: {text}");
        }
        let one = said(&|evidence| evidence.changes.truncate(1));
        assert_eq!(one, "only 1 of 2 were alive at once");
        // What others made, and what came after the load, does not count for it.
        assert_eq!(said(&|evidence| evidence.changes = vec![made(1, 0), made(2, 100)]), one);
        let after_another =
            |evidence: &mut Evidence| evidence.changes.insert(1, Change { revision: 2, key: "a/0".into(), to: None });
        assert_eq!(said(&after_another), one);
    }

    #[test]
    fn nobody_misses_another_webhook_that_was_not_asked_for() {
        let mut evidence = enough();
        evidence.attempts.retain(|it| it.outcome != Outcome::OtherWebhook);
        assert_eq!(untried(&evidence, 0, 1), Vec::<String>::new());
    }
}
