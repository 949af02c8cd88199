//! By which configuration API servers ask about a resource. A ledger that became ready under another one is worth nothing:
//! between the two nobody was asked, and creates of that time may still be under way.

use std::time::Duration;

use backup_policy::config::resource::{SCHEDULES, VOLUME_SNAPSHOTS};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::{Api, Client, Error};
use tokio::time::{sleep, timeout};

use super::{
    store::{ReadError, Store},
    times::REQUEST,
};
use crate::{certs::configuration_names, jitter};

/// Before what could not be found out is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Finds out by which configuration API servers ask.
#[derive(Clone)]
pub struct Configuration {
    api: Api<ValidatingWebhookConfiguration>,
    name: String,
}

impl Configuration {
    /// Of that name; what only the policy counts is asked about by the further one.
    pub fn new(client: Client, name: &str) -> Self {
        Self { api: Api::all(client), name: name.to_owned() }
    }

    /// Its uid, and nothing in it when there is none; `None` when this account may not read it.
    async fn of(&self, resource: &str) -> Result<Option<String>, ReadError> {
        let [manifests, further] = configuration_names(&self.name);
        let name = if matches!(resource, VOLUME_SNAPSHOTS | SCHEDULES) { manifests } else { further };
        match timeout(REQUEST, self.api.get_metadata_opt(&name)).await.map_err(|_| ReadError::Late)? {
            Ok(found) => Ok(Some(found.and_then(|found| found.metadata.uid).unwrap_or_default())),
            Err(Error::Api(status)) if status.code == 403 => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same, or nothing when it cannot be found out just now.
    pub async fn known(&self, resource: &str) -> Option<String> {
        self.of(resource).await.unwrap_or_else(|error| {
            tracing::warn!(%error, resource, "cannot read by which configuration API servers ask");
            None
        })
    }

    /// Takes a ledger away that became ready under another configuration. Returns once that is settled.
    pub async fn settle(&self, resource: &str, store: &Store) {
        while let Err(error) = self.settle_once(resource, store).await {
            tracing::warn!(%error, resource, "cannot find out whether the ledger is from before");
            sleep(PAUSE + jitter::below(PAUSE)).await;
        }
    }

    async fn settle_once(&self, resource: &str, store: &Store) -> Result<(), ReadError> {
        let Some(by) = self.of(resource).await? else {
            tracing::warn!(
                resource,
                "may not read by which configuration API servers ask: the ledger is taken as it is"
            );
            return Ok(());
        };
        if store.delete_unless_asked_by(&by).await? {
            tracing::warn!(
                resource,
                "API servers ask by another configuration than when the ledger became ready, or by none: it is set up anew"
            );
        }
        Ok(())
    }
}
