//! What the log, the metrics and people are told of one quota.

use backup_ledger::{Key, Notice, Object};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;

use super::{counted::Counted, series::Series};
use crate::events::{Events, Posting};

/// Tells of one quota.
pub struct Report {
    /// The metrics.
    pub series: Series,
    resource: String,
    events: Events,
}

impl Report {
    /// Tells of a quota by these metrics and through this client.
    pub fn new(series: Series, client: Client, resource: &str) -> Self {
        Self { series, resource: resource.to_owned(), events: Events::new(client) }
    }

    /// Something was written that people may want to know.
    pub fn notice(&self, notice: &Notice, counted: Option<&Counted>) -> Option<Posting> {
        let resource = self.resource.as_str();
        match notice {
            Notice::Adopted(object) => {
                self.series.adopted(resource);
                tracing::warn!(
                    resource,
                    key = %object.key,
                    uid = %object.uid,
                    "an object was created that nobody had claimed: a create passed this webhook by, or an account that is never \
                     refused was let through unrecorded"
                );
                let note = "Created without a slot: it takes one of the cluster's quota now, beyond the limit if need be. \
                            Either a create passed the backup webhook by, or an account that is never refused was let through \
                            while the quota could not be asked, which the webhook's log then says.";
                self.events.told(about(counted?, object), "QuotaAdopted", note)
            }
            Notice::Released(object, proof) => {
                self.series.released(resource, *proof);
                tracing::info!(resource, key = %object.key, uid = %object.uid, ?proof, "a slot's object is gone");
                None
            }
            Notice::Ready => {
                tracing::info!(resource, "the ledger is ready");
                None
            }
        }
    }

    /// An object was refused because the quota is full.
    pub fn full(&self, object: &Object, counted: Option<&Counted>, message: &str) -> Option<Posting> {
        self.events.refused(about(counted?, object), "QuotaExceeded", message)
    }
}

fn about(counted: &Counted, object: &Object) -> ObjectReference {
    let part = |key: fn(&Key) -> &str| Some(key(&object.key).to_owned()).filter(|text| !text.is_empty());
    ObjectReference {
        api_version: Some(counted.api_resource.api_version.clone()),
        kind: Some(counted.api_resource.kind.clone()),
        namespace: part(Key::namespace),
        name: part(Key::name),
        uid: Some(object.uid.to_string()),
        ..ObjectReference::default()
    }
}
