//! The plan of a snapshot that another command needs on its way: named by that command, of the class that fits.

use std::collections::BTreeMap;

use backup_api::snapshot::VolumeSnapshot;
use backup_policy::Config;

use crate::{client::Cluster, error::Result, facts, plan::snapshot::create};

/// Plans a snapshot of a claim of the namespace.
///
/// # Errors
/// When the volume cannot be snapshotted, or no class fits.
pub async fn planned(
    cluster: &Cluster,
    claim: &str,
    name: &str,
    labels: &BTreeMap<String, String>,
) -> Result<VolumeSnapshot> {
    let claim = facts::claim::read(cluster, claim).await?;
    let classes = facts::snapshots::classes(cluster).await?;
    let provisioned = facts::claim::provisioned(cluster, &claim).await?;
    // Whoever may not list the classes leaves the choice to admission.
    let class = classes.is_none().then_some(create::Named::LeftOpen);
    let request = create::Request { name, namespace: &cluster.namespace, class, labels, annotations: &BTreeMap::new() };
    let known = create::Facts { claim: &claim, provisioned: &provisioned, classes: classes.as_deref() };
    Ok(create::plan(&Config::default(), &request, &known)?.snapshot)
}
