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

/// Which state of which object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The object's.
    pub uid: Option<String>,
    /// Its state's.
    pub generation: Option<i64>,
}

impl Version {
    /// That of this object.
    pub fn of(object: &DynamicObject) -> Self {
        Self { uid: object.metadata.uid.clone(), generation: object.metadata.generation }
    }

    /// Whether this is an earlier state of the same object.
    pub fn is_before(&self, other: &Self) -> bool {
        self.uid == other.uid && self.generation < other.generation
    }
}

/// What the store has.
#[derive(Debug)]
pub enum Found {
    /// Just what is in force.
    InForce,
    /// What was judged, and is not in force.
    Judged,
    /// Another policy than was judged, or none any more.
    Another(Option<Box<DynamicObject>>),
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

    /// Writes the status if it is not there yet, of what was judged. Says what the store was found to have.
    pub async fn publish(
        &mut self,
        state: &InForce,
        judged: Option<&Version>,
        quotas: &[QuotaCount],
        now: Timestamp,
    ) -> kube::Result<Found> {
        let Some(object) = read(&self.policies).await? else {
            return Ok(match (judged, &state.report) {
                (Some(_), _) => Found::Another(None),
                (None, Report::Absent) => Found::InForce,
                (None, _) => Found::Judged,
            });
        };
        if judged != Some(&Version::of(&object)) {
            return Ok(Found::Another(Some(Box::new(object))));
        }
        let found = || if matches!(state.report, Report::Used { .. }) { Found::InForce } else { Found::Judged };
        let version = object.resource_version();
        let object = serde_json::to_value(object).map_err(kube::Error::SerdeError)?;
        let counts = self.seen(status::of(&object).quotas);
        let memory = Memory { own: self.wrote.map(|wrote| wrote.elapsed()), counts };
        let Some(status) = status::next(&object, state, quotas, now, memory) else { return Ok(found()) };
        // Only over what was read: another replica may have written meanwhile, and its word is as good.
        let counts = status.quotas.clone();
        let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
        match self.policies.patch_status(POLICY_NAME, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => {
                let now = Instant::now();
                (self.wrote, self.counts) = (Some(now), Some((counts, now)));
                Ok(found())
            }
            Err(kube::Error::Api(refusal)) if refusal.is_conflict() => Ok(found()),
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
