//! From a review to an answer.

mod answer;
#[cfg(test)]
mod manifests;
mod mutate;
mod review;
mod validate;
mod weight;

use std::sync::Arc;

use backup_policy::Subject;

use crate::{clock::Clock, events::Events, facts::Cluster, ledger::Quotas, metrics::Metrics, policy::Current};

pub use answer::Answer;
pub use mutate::mutate;
pub use review::{Asker, Malformed, Operation, Request, read};
pub use validate::validate;
pub use weight::weigh;

/// What is needed to answer reviews.
pub struct Admission {
    /// What the administrator set.
    pub config: Current,
    /// Reads of the cluster.
    pub cluster: Cluster,
    /// The time.
    pub clock: Clock,
    /// The counts.
    pub quotas: Arc<Quotas>,
    /// What is told of refused objects.
    pub events: Arc<Events>,
    /// What is counted about all this.
    pub metrics: Arc<Metrics>,
}

/// The object of a request, when the rules know its kind and the request writes the object as a whole.
pub fn subject(request: &Request) -> Option<Subject<'_>> {
    if request.operation == Operation::Delete {
        let deleted = request.old_object.as_ref().filter(|old| !old.is_null())?;
        return Some(Subject::deletion(request.subject_kind()?, deleted));
    }
    let object = request.object.as_ref().filter(|object| !object.is_null())?;
    let old = request.old_object.as_ref().filter(|old| !old.is_null());
    Some(Subject::write(request.subject_kind()?, object, old))
}
