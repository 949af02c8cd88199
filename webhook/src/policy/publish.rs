//! Writes the policy's status: whichever replica comes first, and the others find it done.

use std::time::Duration;

use backup_api::policy::{POLICY_NAME, QuotaCount};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    judge::{InForce, Report},
    status::{self, Memory},
};

/// The policy as the store has it; nothing when there is none, also because its type is gone.
pub async fn read(policies: &Api<DynamicObject>) -> kube::Result<Option<DynamicObject>> {
    match policies.get(POLICY_NAME).await {
        Ok(object) => Ok(Some(object)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// The writer of one replica.
pub struct Publisher {
    policies: Api<DynamicObject>,
    wrote: Option<Instant>,
    /// The counts that stand in the status, and since when this replica has seen them.
    counts: Option<(Vec<QuotaCount>, Instant)>,
}

impl Publisher {
    /// Writes through this.
    pub fn new(policies: Api<DynamicObject>) -> Self {
        Self { policies, wrote: None, counts: None }
    }

    /// Writes the status if it is not there yet. Says whether what is in force was found to be what the cluster has.
    pub async fn publish(&mut self, state: &InForce, quotas: &[QuotaCount], now: Timestamp) -> kube::Result<bool> {
        let Some(object) = read(&self.policies).await? else {
            return Ok(state.report == Report::Absent);
        };
        let standing =
            matches!(state.report, Report::Used { generation, .. } if object.metadata.generation == Some(generation));
        let version = object.resource_version();
        let object = serde_json::to_value(object).map_err(kube::Error::SerdeError)?;
        let counts = self.seen(status::of(&object).quotas);
        let memory = Memory { own: self.wrote.map(|wrote| wrote.elapsed()), counts };
        let Some(status) = status::next(&object, state, quotas, now, memory) else { return Ok(standing) };
        // Only over what was read: another replica may have written meanwhile, and its word is as good.
        let counts = status.quotas.clone();
        let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
        match self.policies.patch_status(POLICY_NAME, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => {
                let now = Instant::now();
                (self.wrote, self.counts) = (Some(now), Some((counts, now)));
                Ok(standing)
            }
            Err(kube::Error::Api(refusal)) if refusal.is_conflict() => Ok(standing),
            Err(error) => Err(error),
        }
    }

    /// For how long these counts have been seen; nothing when they were not seen before.
    fn seen(&mut self, counts: Vec<QuotaCount>) -> Option<Duration> {
        match &self.counts {
            Some((known, since)) if *known == counts => Some(since.elapsed()),
            _ => {
                self.counts = Some((counts, Instant::now()));
                None
            }
        }
    }
}
