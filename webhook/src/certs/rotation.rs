//! What to do next with the certificates: a pure decision, so that any replica comes to the same one and goes on where
//! another stopped.
//!
//! A CA is replaced in three steps, each of them a write of the Secret: the next CA is announced, and API servers are
//! told to trust both; after the overlap it signs the server's certificate, and API servers are told to call by the path that
//! was made with it; after another overlap the CA before it is trusted no more, and its path not answered. A path alone is
//! replaced in the same steps, by a next CA that differs in its path only. How long an API server has had is measured by each
//! replica from the moment it saw it told, never by the time of day: a clock that is wrong cannot shorten it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    bundle::{Authority, Bundle, IssueError},
    terms::Terms,
};
use crate::paths::PathSecret;

/// What an operator asks for with the annotation `kubectl-backup.dev/rotate` on the Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// A new certificate of the same CA.
    Certificate,
    /// A new CA, and a certificate of it.
    Authority,
    /// Another path, of the same CA.
    Path,
}

impl Wish {
    /// As the annotation says it.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "certificate" => Some(Self::Certificate),
            "ca" => Some(Self::Authority),
            "path" => Some(Self::Path),
            _ => None,
        }
    }
}

/// The next thing to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Everything is in order, or a CA is waiting for its time.
    Nothing,
    /// There is nothing to build upon: make a CA and a certificate, and use them at once.
    Everything,
    /// Make a certificate of the present CA.
    Renew,
    /// Make the next CA, for API servers to trust beforehand.
    Announce,
    /// Make the next path, for all replicas to answer before API servers are told of it.
    AnnouncePath,
    /// Let the next CA sign.
    Take,
    /// Trust the previous CA no more.
    Drop,
}

/// How things are.
pub struct Situation<'a> {
    /// What the Secret holds.
    pub bundle: &'a Bundle,
    /// What the certificate must bear.
    pub names: &'a [String],
    /// What an operator asks for.
    pub wish: Option<Wish>,
    /// Whether every API server has had time to learn whom the bundle trusts.
    pub settled: bool,
    /// The time of day.
    pub now: Timestamp,
}

/// Decides.
pub fn next(situation: &Situation<'_>, terms: &Terms) -> Step {
    let Situation { bundle, names, wish, settled, now } = *situation;
    let Some(authority) = bundle.authority.facts(now) else { return Step::Everything };
    let Some(certificate) = bundle.facts(now).filter(|facts| facts.bears(names)) else { return Step::Renew };
    if let Some(next) = &bundle.next {
        return match (next.facts(now), settled) {
            (None, _) => Step::Announce,
            (Some(_), true) => Step::Take,
            (Some(_), false) => Step::Nothing,
        };
    }
    if bundle.previous.is_some() {
        return if settled { Step::Drop } else { Step::Nothing };
    }
    if wish == Some(Wish::Authority) || terms.replacement(authority.ends) <= now {
        Step::Announce
    } else if wish == Some(Wish::Path) || terms.another_path(certificate.begins) <= now {
        Step::AnnouncePath
    } else if wish == Some(Wish::Certificate) || terms.renewal(certificate.ends) <= now {
        Step::Renew
    } else {
        Step::Nothing
    }
}

/// The bundle after a step.
pub fn after(
    step: Step,
    bundle: Option<Bundle>,
    names: &[String],
    terms: &Terms,
    now: Timestamp,
) -> Result<Bundle, IssueError> {
    let Some(bundle) = bundle.filter(|_| step != Step::Everything) else { return Bundle::issue(names, terms, now) };
    match step {
        Step::Renew => bundle.renewed(names, terms, now),
        Step::Announce => Ok(Bundle { next: Some(Authority::issue(terms, now)?), ..bundle }),
        Step::AnnouncePath => {
            let next = Authority { path: PathSecret::generate()?, ..bundle.authority.clone() };
            Ok(Bundle { next: Some(next), ..bundle })
        }
        Step::Take => match bundle.next.clone() {
            Some(next) => {
                let previous = Some(bundle.authority.clone().into_previous());
                Bundle { authority: next, next: None, previous, ..bundle }.renewed(names, terms, now)
            }
            None => Ok(bundle),
        },
        Step::Drop => Ok(Bundle { previous: None, ..bundle }),
        Step::Nothing | Step::Everything => Ok(bundle),
    }
}

/// How long until the time of day alone asks for a step.
pub fn until_due(bundle: &Bundle, terms: &Terms, now: Timestamp) -> Duration {
    let authority = bundle.authority.facts(now).map(|facts| terms.replacement(facts.ends));
    let certificate = bundle.facts(now);
    let certificate = certificate.map(|facts| terms.renewal(facts.ends).min(terms.another_path(facts.begins)));
    let due = authority.into_iter().chain(certificate).min().unwrap_or(now);
    due.duration_since(now).max(SignedDuration::ZERO).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn names() -> Vec<String> {
        vec!["backup-webhook.system.svc".to_owned()]
    }

    fn now() -> Timestamp {
        "2026-01-31T12:34:56Z".parse().expect("a time")
    }

    fn at(days: i64) -> Timestamp {
        now() + SignedDuration::from_hours(24 * days)
    }

    fn issue() -> Bundle {
        Bundle::issue(&names(), &Terms::usual(), now()).expect("a bundle")
    }

    fn step(bundle: &Bundle, wish: Option<Wish>, settled: bool, now: Timestamp) -> Step {
        next(&Situation { bundle, names: &names(), wish, settled, now }, &Terms::usual())
    }

    fn go(bundle: &Bundle, step: Step, now: Timestamp) -> Bundle {
        after(step, Some(bundle.clone()), &names(), &Terms::usual(), now).expect("a bundle")
    }

    #[test]
    fn nothing_is_done_before_its_time() {
        let bundle = issue();
        assert_eq!(step(&bundle, None, true, now()), Step::Nothing);
        assert_eq!(until_due(&bundle, &Terms::usual(), now()), DAY.unsigned_abs());
        let hour = SignedDuration::from_hours(1);
        assert_eq!(step(&bundle, None, true, at(1) - hour), Step::Nothing);
        assert_eq!(step(&bundle, None, true, at(1)), Step::AnnouncePath);
        assert_eq!(until_due(&bundle, &Terms::usual(), at(2)), Duration::ZERO);
        let renewed = go(&bundle, Step::Renew, at(60));
        assert_eq!(step(&renewed, None, true, at(60)), Step::Nothing);
        assert_eq!(until_due(&renewed, &Terms::usual(), at(60)), DAY.unsigned_abs());
    }

    /// Where paths last longer than certificates, these are renewed by themselves.
    #[test]
    fn a_certificate_is_renewed_when_a_third_of_it_is_left() {
        let day = SignedDuration::from_hours(24);
        let terms = Terms::with_jitter(day, 360 * day, SignedDuration::from_mins(5), 0).expect("terms");
        let bundle = Bundle::issue(&names(), &terms, now()).expect("a bundle");
        let step = |now| next(&Situation { bundle: &bundle, names: &names(), wish: None, settled: true, now }, &terms);
        assert_eq!(step(now() + SignedDuration::from_hours(15)), Step::Nothing);
        assert_eq!(step(now() + SignedDuration::from_hours(16)), Step::Renew);
    }

    #[test]
    fn a_path_is_replaced_in_three_steps_under_the_same_authority() {
        let first = issue();
        for (wish, time) in [(None, at(1)), (Some(Wish::Path), now())] {
            assert_eq!(step(&first, wish, false, time), Step::AnnouncePath);
            let announced = go(&first, Step::AnnouncePath, time);
            assert!(announced.trusted() == first.trusted(), "nobody else is trusted");
            assert!(
                announced.authority == first.authority && announced.paths().len() == 2,
                "told the one, answered both"
            );
            assert_eq!(step(&announced, None, false, time), Step::Nothing);
            assert_eq!(step(&announced, None, true, time), Step::Take);
            let taken = go(&announced, Step::Take, time);
            assert!(taken.authority.path != first.authority.path && taken.trusted() == first.trusted());
            assert!(taken.paths().contains(&first.authority.path), "who was not told yet is answered");
            assert_eq!(step(&taken, None, false, time), Step::Nothing);
            assert_eq!(step(&taken, None, true, time), Step::Drop);
            let dropped = go(&taken, Step::Drop, time);
            assert!(dropped.paths() == [taken.authority.path.clone()]);
            assert_eq!(step(&dropped, None, true, time), Step::Nothing);
        }
    }

    #[test]
    fn an_hour_of_skew_either_way_changes_nothing() {
        let bundle = issue();
        for hours in [-1, 1] {
            let skewed = now() + SignedDuration::from_hours(hours);
            assert_eq!(step(&bundle, None, true, skewed), Step::Nothing, "{hours}");
            let made_there = Bundle::issue(&names(), &Terms::usual(), skewed).expect("a bundle");
            assert_eq!(step(&made_there, None, true, now()), Step::Nothing, "{hours}");
        }
    }

    #[test]
    fn an_authority_is_replaced_in_three_steps_with_time_between() {
        let first = go(&issue(), Step::Renew, at(2400) - SignedDuration::from_hours(1));
        for (wish, time) in [(None, at(2400)), (Some(Wish::Authority), at(2400) - SignedDuration::from_hours(1))] {
            assert_eq!(step(&first, wish, false, time), Step::Announce);
            let announced = go(&first, Step::Announce, time);
            assert!(announced.certificate == first.certificate, "nothing is signed by what nobody trusts yet");
            assert_eq!(step(&announced, wish, false, time), Step::Nothing);
            assert_eq!(step(&announced, wish, true, time), Step::Take);
            let taken = go(&announced, Step::Take, time);
            assert!(taken.trusted() == announced.trusted() && taken.certificate != first.certificate);
            assert!(taken.authority.path != first.authority.path, "API servers are told another path");
            let paths =
                |bundle: &Bundle| bundle.paths().iter().map(|path| path.reveal().to_owned()).collect::<BTreeSet<_>>();
            assert!(
                paths(&taken) == paths(&announced) && paths(&taken).len() == 2,
                "both are answered from the beginning"
            );
            assert!(taken.facts(time).is_some_and(|facts| facts.bears(&names())));
            assert_eq!(step(&taken, wish, false, time), Step::Nothing, "a wish waits until the last one is done");
            assert_eq!(step(&taken, None, true, time), Step::Drop);
            let dropped = go(&taken, Step::Drop, time);
            assert!(dropped.trusted() == dropped.authority.certificate && dropped.authority != first.authority);
            assert_eq!(step(&dropped, None, true, time), Step::Nothing);
            assert!(dropped.paths() == [dropped.authority.path.clone()]);
        }
    }

    #[test]
    fn a_certificate_of_a_wrong_name_is_renewed_also_amid_a_rotation() {
        let announced = go(&issue(), Step::Announce, now());
        let names = ["other.svc".to_owned()];
        let situation = Situation { bundle: &announced, names: &names, wish: None, settled: true, now: now() };
        assert_eq!(next(&situation, &Terms::usual()), Step::Renew);
        let renewed = after(Step::Renew, Some(announced.clone()), &names, &Terms::usual(), now()).expect("a bundle");
        assert!(renewed.next == announced.next);
    }

    #[test]
    fn what_cannot_be_read_is_made_anew() {
        let (good, other) = (issue(), issue());
        let spoiled = |authority: Authority| step(&Bundle { authority, ..good.clone() }, None, true, now());
        assert_eq!(spoiled(Authority { certificate: "x".into(), ..good.authority.clone() }), Step::Everything);
        assert_eq!(spoiled(Authority { key: other.authority.key, ..good.authority.clone() }), Step::Everything);
        assert_eq!(step(&Bundle { certificate: "x".into(), ..good.clone() }, None, true, now()), Step::Renew);
        let next = Some(Authority { certificate: "x".into(), key: "x".into(), ..good.authority.clone() });
        assert_eq!(step(&Bundle { next, ..good.clone() }, None, true, now()), Step::Announce);
        assert_eq!(step(&good, None, true, at(3600)), Step::Everything, "an authority that has ended");
    }

    #[test]
    fn an_operator_asks_for_the_one_or_the_other() {
        assert_eq!(Wish::read("ca"), Some(Wish::Authority));
        assert_eq!(Wish::read("path"), Some(Wish::Path));
        assert_eq!(Wish::read("certificate"), Some(Wish::Certificate));
        assert_eq!(Wish::read("now"), None);
        assert_eq!(step(&issue(), Some(Wish::Certificate), true, now()), Step::Renew);
    }
}
