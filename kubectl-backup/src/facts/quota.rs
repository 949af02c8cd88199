//! The cluster's limits, who holds the slots, and whether the limits are kept.

use backup_api::ledger::{QuotaLedger, ledger_name};
use backup_policy::Config;
use k8s_openapi::api::{
    admissionregistration::v1::ValidatingWebhookConfiguration, authentication::v1::SelfSubjectReview,
};
use kube::{Api, api::PostParams};

use crate::{
    client::{Cluster, ListRequest, list},
    error::{Doing as _, Result},
    facts::{policy::policy_in_force, served::served},
    plan::quota::{Ledger, Objects, Usage},
};

/// The admission webhook's configuration, and its entry that asks for slots.
const WEBHOOK: (&str, &str) = ("backup-webhook", "quota.kubectl-backup.dev");

/// Reads all limits and what is held of them.
///
/// # Errors
/// When the server cannot be asked.
pub async fn usages(cluster: &Cluster) -> Result<Vec<Usage>> {
    let config = policy_in_force(cluster).await?.config;
    let mut usages = Vec::new();
    for limit in &config.quotas {
        usages.push(usage(cluster, &limit.resource, limit.limit).await?);
    }
    Ok(usages)
}

/// Reads a limit that is kept for whoever asks, and what is held of it; `None` when there is none, or it is not known to be
/// kept.
///
/// # Errors
/// When the server cannot be asked.
pub async fn that_binds_me(cluster: &Cluster, resource: &str) -> Result<Option<Usage>> {
    let config = policy_in_force(cluster).await?.config;
    let Some(quota) = config.quotas.iter().find(|quota| quota.resource == resource) else { return Ok(None) };
    let (enforced, usage, exempt) = tokio::join!(
        is_enforced(cluster),
        usage(cluster, resource, quota.limit),
        is_exempt(cluster, &config, resource)
    );
    let usage = usage?;
    let is_kept = enforced?.unwrap_or_else(|| usage.is_recorded());
    Ok(Some(usage).filter(|_| is_kept && !exempt))
}

/// Whether the quota lets whoever asks pass. Who cannot find out is bound.
async fn is_exempt(cluster: &Cluster, config: &Config, resource: &str) -> bool {
    let review: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let user = review.create(&PostParams::default(), &SelfSubjectReview::default()).await;
    let user = user.ok().and_then(|review| review.status?.user_info);
    user.is_some_and(|user| {
        config.exempts_from_quota(&user.username.unwrap_or_default(), &user.groups.unwrap_or_default(), resource)
    })
}

async fn usage(cluster: &Cluster, resource: &str, limit: u32) -> Result<Usage> {
    let (objects, ledger) = tokio::join!(objects(cluster, resource), ledger(cluster, resource));
    Ok(Usage { resource: resource.to_owned(), limit, objects: objects?, ledger: ledger? })
}

async fn objects(cluster: &Cluster, resource: &str) -> Result<Objects> {
    let Some(served) = served(cluster, resource).await? else { return Ok(Objects::NotInstalled) };
    let request = ListRequest { path: served.path, selector: String::new() };
    let mut objects = Vec::new();
    match list(cluster, &request, &format!("list {resource} in all namespaces"), |object| objects.push(object)).await {
        Ok(()) => Ok(Objects::Listed(objects)),
        Err(error) if error.is_missing_resource_type() => Ok(Objects::NotInstalled),
        Err(error) if error.is_forbidden() => Ok(Objects::Forbidden),
        Err(error) => Err(error),
    }
}

/// What the webhook has recorded of a resource.
async fn ledger(cluster: &Cluster, resource: &str) -> Result<Ledger> {
    let api: Api<QuotaLedger> = Api::all(cluster.client.clone());
    match api.get_opt(ledger_name(resource)).await.doing(|| format!("read quotaledger {resource:?}")) {
        Ok(found) => Ok(found.map_or(Ledger::Absent, |ledger| Ledger::Read(ledger.status.unwrap_or_default().ledger))),
        Err(error) if error.is_missing_resource_type() => Ok(Ledger::Absent),
        Err(error) if error.is_forbidden() => Ok(Ledger::Forbidden),
        Err(error) => Err(error),
    }
}

/// Whether the API server asks the webhook for slots; `None` when that may not be known.
///
/// # Errors
/// When the server cannot be asked.
pub async fn is_enforced(cluster: &Cluster) -> Result<Option<bool>> {
    let (configuration, entry) = WEBHOOK;
    let api: Api<ValidatingWebhookConfiguration> = Api::all(cluster.client.clone());
    match api.get_opt(configuration).await.doing(|| format!("read validatingwebhookconfiguration {configuration:?}")) {
        Ok(found) => {
            Ok(Some(found.and_then(|found| found.webhooks).unwrap_or_default().iter().any(|hook| hook.name == entry)))
        }
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}
