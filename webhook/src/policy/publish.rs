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

use super::{judge::InForce, status};

/// The writer of one replica.
pub struct Publisher {
    policies: Api<DynamicObject>,
    wrote: Option<Instant>,
}

impl Publisher {
    /// Writes through this.
    pub fn new(policies: Api<DynamicObject>) -> Self {
        Self { policies, wrote: None }
    }

    /// Writes the status if it is not there yet.
    pub async fn publish(&mut self, state: &InForce, quotas: &[QuotaCount], now: Timestamp) -> kube::Result<()> {
        let Some(object) = self.policies.get_opt(POLICY_NAME).await? else { return Ok(()) };
        let version = object.resource_version();
        let ago: Option<Duration> = self.wrote.map(|wrote| wrote.elapsed());
        let object = serde_json::to_value(object).map_err(kube::Error::SerdeError)?;
        let Some(status) = status::next(&object, state, quotas, now, ago) else { return Ok(()) };
        // Only over what was read: another replica may have written meanwhile, and its word is as good.
        let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
        match self.policies.patch_status(POLICY_NAME, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => {
                self.wrote = Some(Instant::now());
                Ok(())
            }
            Err(kube::Error::Api(refusal)) if refusal.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }
}
