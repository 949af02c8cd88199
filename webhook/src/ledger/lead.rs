//! Which replica writes the ledger just now: a hint for the others, who hand their claims to it instead of racing it.
//!
//! Nothing depends on its being true. Whoever is asked decides by compare-and-swap as ever; whoever hears no answer asks itself.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::health::Health;

/// How long after a write was seen its author is expected to write again. One that is frozen is asked no longer than that.
const FRESH: Duration = Duration::from_secs(1);
/// How long after a claim was handed to this replica the others are taken to reach it.
const REACHED: Duration = Duration::from_secs(2);
/// How long one that did not answer is not asked again.
const SHUNNED: Duration = Duration::from_secs(5);

/// Who writes one quota's ledger.
#[derive(Debug)]
pub struct Lead {
    own: Option<SocketAddr>,
    health: Arc<Health>,
    others: Mutex<Others>,
}

#[derive(Debug, Default)]
struct Others {
    /// Who wrote last, when that was another, and when it was seen.
    wrote: Option<(SocketAddr, Instant)>,
    /// Who did not answer, and when.
    mute: Option<(SocketAddr, Instant)>,
    /// Who decided a claim for this one, and when.
    decided: Option<(SocketAddr, Instant)>,
    /// When a claim was handed to this one.
    reached: Option<Instant>,
}

impl Lead {
    /// For a replica that is reached there by the others; one that is not takes no part.
    pub fn new(own: Option<SocketAddr>, health: Arc<Health>) -> Self {
        Self { own, health, others: Mutex::default() }
    }

    /// A write was seen, with the address that it names.
    pub fn seen(&self, writer: &str) {
        let writer = writer.parse().ok().filter(|writer| Some(*writer) != self.own && self.own.is_some());
        self.others().wrote = writer.map(|writer| (writer, Instant::now()));
    }

    /// Whom to hand a claim to.
    pub fn other(&self) -> Option<SocketAddr> {
        let others = self.others();
        let (writer, seen) = others.wrote?;
        let mute = others.mute.is_some_and(|(mute, since)| mute == writer && since.elapsed() < SHUNNED);
        (seen.elapsed() < FRESH && !mute).then_some(writer)
    }

    /// Whether the others hand their claims to this one while it writes: then it need not leave them any time.
    pub fn is_reached(&self) -> bool {
        self.others().reached.is_some_and(|reached| reached.elapsed() < REACHED)
    }

    /// A claim was handed to this one.
    pub fn reached(&self) {
        self.others().reached = Some(Instant::now());
    }

    /// It decided a claim of this one.
    pub fn decided(&self, writer: SocketAddr) {
        self.others().decided = Some((writer, Instant::now()));
    }

    /// It did not answer.
    pub fn shun(&self, writer: SocketAddr) {
        self.others().mute = Some((writer, Instant::now()));
    }

    /// What a write names: whoever is asked now, and decides, stays the one to be asked, so that a write of ours in between
    /// changes nothing. One that does not decide gets no further claims by it, and this one names itself only while it decides
    /// for others: not before it is ready, and not while it is about to stop.
    pub fn named(&self) -> String {
        let decided = self.others().decided.filter(|(_, since)| since.elapsed() < FRESH).map(|(writer, _)| writer);
        let other = self.other().filter(|other| decided == Some(*other));
        other
            .or(self.own.filter(|_| self.health.not_ready().is_none()))
            .map(|address| address.to_string())
            .unwrap_or_default()
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "10.0.0.1:9443";
    const OTHER: &str = "10.0.0.2:9443";

    fn ready() -> Arc<Health> {
        let health = Health::default();
        health.set_certificate();
        health.set_policy();
        health.set_ledgers();
        Arc::new(health)
    }

    fn lead() -> Lead {
        Lead::new(OWN.parse().ok(), ready())
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_is_handed_nothing_more() {
        let health = ready();
        let lead = Lead::new(OWN.parse().ok(), Arc::clone(&health));
        assert_eq!(lead.named(), OWN);
        health.set_draining();
        assert_eq!(lead.named(), "");
        lead.seen(OTHER);
        lead.decided(OTHER.parse().expect("an address"));
        assert_eq!(lead.named(), OTHER, "another may");
        assert_eq!(Lead::new(OWN.parse().ok(), Arc::default()).named(), "", "nor who is not ready yet");
    }

    #[tokio::test(start_paused = true)]
    async fn who_wrote_last_is_asked_while_it_goes_on() {
        let lead = lead();
        assert_eq!((lead.other(), lead.named().as_str()), (None, OWN));
        lead.seen(OTHER);
        assert_eq!((lead.other(), lead.named().as_str()), (OTHER.parse().ok(), OWN), "it has decided nothing yet");
        lead.decided(OTHER.parse().expect("an address"));
        assert_eq!((lead.other(), lead.named().as_str()), (OTHER.parse().ok(), OTHER), "it stays the one");
        tokio::time::advance(FRESH).await;
        assert_eq!((lead.other(), lead.named().as_str()), (None, OWN), "it is silent");
        lead.seen(OTHER);
        lead.seen(OWN);
        assert_eq!(lead.other(), None, "it is this one");
        lead.seen("nonsense");
        assert_eq!(lead.other(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_is_left_alone() {
        let (lead, other) = (lead(), OTHER.parse().expect("an address"));
        lead.seen(OTHER);
        lead.shun(other);
        lead.seen(OTHER);
        assert_eq!((lead.other(), lead.named().as_str()), (None, OWN));
        tokio::time::advance(SHUNNED).await;
        lead.seen(OTHER);
        assert_eq!(lead.other(), Some(other));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_handed_claims_is_reached_for_a_while() {
        let lead = lead();
        assert!(!lead.is_reached(), "an address of its own is no proof");
        lead.reached();
        assert!(lead.is_reached());
        tokio::time::advance(REACHED).await;
        assert!(!lead.is_reached());
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_be_reached_takes_no_part() {
        let lead = Lead::new(None, ready());
        lead.seen(OTHER);
        assert_eq!((lead.other(), lead.named().as_str()), (None, ""));
    }
}
