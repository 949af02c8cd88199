//! How busy the server is.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// What is open, in progress and turned away. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Load {
    connections: Gauge,
    replaced: Counter,
    turned_away: Counter,
    reviews: Gauge,
    large_reviews: Gauge,
    refused: Family<Reason, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Something that goes on until this is dropped.
#[derive(Debug)]
pub struct Ongoing(Gauge);

impl Ongoing {
    fn start(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Load {
    /// A connection is open.
    pub fn connection(&self) -> Ongoing {
        Ongoing::start(&self.connections)
    }

    /// A connection was closed for another.
    pub fn replaced(&self) {
        self.replaced.inc();
    }

    /// A connection found no place.
    pub fn turned_away(&self) {
        self.turned_away.inc();
    }

    /// A review is read and answered.
    pub fn review(&self) -> Ongoing {
        Ongoing::start(&self.reviews)
    }

    /// A large review is answered on a thread of its own.
    pub fn large_review(&self) -> Ongoing {
        Ongoing::start(&self.large_reviews)
    }

    /// A request got no review in answer.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        // The first of these must be seen as an increase, so that they begin at zero.
        for reason in ["busy", "late", "path"] {
            drop(self.refused.get_or_create(&Reason { reason }));
        }
        registry.register("connections", "Open connections on the webhook's port", self.connections.clone());
        registry.register(
            "connections_replaced",
            "Connections closed for a newcomer, while idle",
            self.replaced.clone(),
        );
        registry.register("connections_turned_away", "Connections that found no place", self.turned_away.clone());
        registry.register("reviews_in_progress", "Reviews that are read and answered now", self.reviews.clone());
        registry.register(
            "large_reviews_in_progress",
            "Large reviews on threads of their own",
            self.large_reviews.clone(),
        );
        registry.register(
            "requests_refused",
            "Requests that got no review in answer, so that the failure policy decides",
            self.refused.clone(),
        );
    }
}
