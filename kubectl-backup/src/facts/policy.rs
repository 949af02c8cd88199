//! The policy as the cluster has it, and the flags that the webhook was started with.

use backup_api::policy::POLICY_NAME;
use backup_policy::Config;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;

use crate::{
    client::{self, Cluster},
    error::{Doing as _, Result},
    plan::{
        effective::{Given, InForce, Standing, in_force},
        install::{NAME, NAMESPACE},
    },
};

/// What holds in the cluster: its policy over the webhook's flags over the built-in values. What may not be read is left
/// out, and said.
///
/// # Errors
/// When the server cannot be asked.
pub async fn policy_in_force(cluster: &Cluster) -> Result<InForce> {
    let (policy, flags) = tokio::try_join!(policy(cluster), flags(cluster))?;
    Ok(in_force(&Given { policy, flags }))
}

/// The values that the policy makes, but for the webhook's flags; nothing when it may not be read.
///
/// # Errors
/// When the server cannot be asked.
pub async fn readable_policy(cluster: &Cluster) -> Result<Option<Config>> {
    Ok(match policy(cluster).await? {
        Standing::Forbidden => None,
        policy => Some(in_force(&Given { policy, flags: None }).config),
    })
}

async fn policy(cluster: &Cluster) -> Result<Standing> {
    let path = format!("/apis/kubectl-backup.dev/v1alpha1/backuppolicies/{POLICY_NAME}");
    match client::get(cluster, &path, &format!("read backuppolicy {POLICY_NAME:?}")).await {
        Ok(policy) => Ok(Standing::Found(policy)),
        Err(error) if error.is_forbidden() => Ok(Standing::Forbidden),
        Err(error) if error.is_missing_resource_type() || error.is_not_found() => Ok(Standing::Absent),
        Err(error) => Err(error),
    }
}

/// The arguments of the webhook's container; nothing when it runs elsewhere or may not be looked at.
async fn flags(cluster: &Cluster) -> Result<Option<Vec<String>>> {
    let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let found = api.get_opt(NAME).await.doing(|| format!("read deployment {NAME:?} in namespace {NAMESPACE:?}"));
    let deployment = match found {
        Ok(found) => found,
        Err(error) if error.is_forbidden() => None,
        Err(error) => return Err(error),
    };
    let container = deployment.and_then(|deployment| deployment.spec?.template.spec?.containers.into_iter().next());
    Ok(container.map(|container| container.args.unwrap_or_default()))
}
