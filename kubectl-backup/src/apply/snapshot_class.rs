//! Which class takes a snapshot: the one that the user names, else that of the policy's table, as the admission webhook has it.
//! Whoever may not read what that takes asks admission by a trial.

use backup_api::snapshot::VolumeSnapshotClass;
use backup_policy::Config;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::Value;

use super::snapshot_creation::{as_sent, create};
use crate::{
    args::DryRun,
    client::Cluster,
    error::Result,
    facts,
    plan::{
        provisioned::Provisioned,
        snapshot::create::{self, Plan},
    },
};

/// How the name of a trial begins.
const TRIAL: &str = "class-of-trial-";

/// What is known of how classes are chosen.
pub struct Classes {
    /// The cluster's snapshot classes; nothing when they may not be listed.
    pub listed: Option<Vec<VolumeSnapshotClass>>,
    /// Nothing when the policy may not be read.
    policy: Option<Config>,
}

impl Classes {
    /// Reads it.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn read(cluster: &Cluster) -> Result<Self> {
        let (listed, policy) =
            tokio::try_join!(facts::snapshots::classes(cluster), facts::policy::readable_policy(cluster))?;
        Ok(Self { listed, policy })
    }

    /// Whether nothing has to be asked of admission.
    pub fn are_chosen_here(&self) -> bool {
        self.listed.is_some() && self.policy.is_some()
    }

    /// Plans a snapshot. Where the policy may not be read and admission chose nothing, no webhook is there and the built-in table holds.
    ///
    /// # Errors
    /// When the volume cannot be snapshotted, or no class fits.
    pub fn plan(
        &self,
        request: &create::Request<'_>,
        claim: &PersistentVolumeClaim,
        provisioned: &Provisioned,
    ) -> Result<Plan> {
        let built_in = Config::default();
        let known = create::Facts { claim, provisioned, classes: self.listed.as_deref() };
        create::plan(self.policy.as_ref().unwrap_or(&built_in), request, &known)
    }
}

/// Asks the server: a trial without a class comes back with the one that the admission webhook fills in.
///
/// # Errors
/// When the snapshot is refused, or the server cannot be asked.
pub async fn by_admission(
    cluster: &Cluster,
    request: &create::Request<'_>,
    claim: &PersistentVolumeClaim,
) -> Result<Option<String>> {
    let mut trial = create::object(request, claim, None);
    // Its own name may be taken, which has another answer than this question.
    (trial.metadata.name, trial.metadata.generate_name) = (None, Some(TRIAL.to_owned()));
    let answer = create(cluster, &as_sent(&trial)?, request.name, DryRun::Server).await?;
    Ok(answer.pointer("/spec/volumeSnapshotClassName").and_then(Value::as_str).map(str::to_owned))
}
