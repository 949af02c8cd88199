//! Makes a PVC of a rollback, so that it can be made and stays.

use k8s_openapi::{api::core::v1::PersistentVolumeClaim, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::Resource as _;

use super::step::as_sent;
use crate::{
    args::DryRun,
    client::{self, Cluster},
    context::Context,
    error::Result,
    facts,
    plan::{
        refusal,
        rollback::{kept_owners, let_owners_go},
    },
};

/// Makes it with those of its owners that are there at this moment. One that is there already is no error: another look
/// tells whose it is.
pub async fn create(context: &Context, cluster: &Cluster, claim: &PersistentVolumeClaim) -> Result<()> {
    let mut claim = claim.clone();
    let name = claim.metadata.name.clone().unwrap_or_default();
    let (kept, left_out) = owners(cluster, &claim).await?;
    left_out.iter().for_each(|remark| context.ui.warning(remark));
    claim.metadata.owner_references = (!kept.is_empty()).then_some(kept);
    match post(cluster, &name, &claim).await {
        // A right about the owners may be missing (OwnerReferencesPermissionEnforcement).
        Err(error) if error.is_forbidden() && let_owners_go(&mut claim) => {
            post(cluster, &name, &claim).await?;
            context.ui.status(&format!("PVC {name} does not hold up the deletion of its owners any more."));
            Ok(())
        }
        made => made,
    }
}

/// The owners that it would be made with at this moment, and a remark on each other one.
pub async fn owners(cluster: &Cluster, claim: &PersistentVolumeClaim) -> Result<(Vec<OwnerReference>, Vec<String>)> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let owners = claim.metadata.owner_references.clone().unwrap_or_default();
    let (kept, left_out) = kept_owners(facts::rollback::owners(cluster, owners).await?);
    Ok((kept, left_out.into_iter().map(|why| format!("PVC {name} {why}")).collect()))
}

async fn post(cluster: &Cluster, name: &str, claim: &PersistentVolumeClaim) -> Result<()> {
    let namespace = &cluster.namespace;
    let path = PersistentVolumeClaim::url_path(&(), Some(namespace));
    let doing = format!("create PVC {name:?} in namespace {namespace:?}");
    match client::create(cluster, &path, &as_sent(claim)?, DryRun::None, &doing).await {
        Err(error) if error.reason.as_deref() != Some("AlreadyExists") => {
            Err(refusal::explain(error, "persistentvolumeclaims", name, namespace))
        }
        _ => Ok(()),
    }
}
