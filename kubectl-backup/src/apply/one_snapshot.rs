//! The plan of a snapshot that another command needs on its way: named by that command, of the class that fits.

use std::collections::BTreeMap;

use backup_api::snapshot::VolumeSnapshot;

use super::snapshot_class::{Classes, by_admission};
use crate::{args::DryRun, client::Cluster, error::Result, facts, plan::snapshot::create};

/// Plans a snapshot of a claim of the namespace.
///
/// # Errors
/// When the volume cannot be snapshotted, or no class fits.
pub async fn planned(
    cluster: &Cluster,
    claim: &str,
    name: &str,
    labels: &BTreeMap<String, String>,
    dry_run: DryRun,
) -> Result<VolumeSnapshot> {
    let claim = facts::claim::read(cluster, claim).await?;
    let classes = Classes::read(cluster).await?;
    let provisioned = facts::claim::provisioned(cluster, &claim).await?;
    let mut request =
        create::Request { name, namespace: &cluster.namespace, class: None, labels, annotations: &BTreeMap::new() };
    let admitted;
    if !classes.are_chosen_here() {
        admitted = match dry_run {
            DryRun::Client => None,
            // What refuses the trial refuses the snapshot too, and is told then.
            _ => by_admission(cluster, &request, &claim).await.ok(),
        };
        request.class = match &admitted {
            Some(Some(class)) => Some(create::Named::ByAdmission(class)),
            // No webhook is there: the built-in table holds.
            Some(None) if classes.listed.is_some() => None,
            _ => Some(create::Named::LeftOpen),
        };
    }
    Ok(classes.plan(&request, &claim, &provisioned)?.snapshot)
}
