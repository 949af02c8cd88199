//! The cluster's limits, who holds the slots, and whether the limits are kept.

use std::collections::BTreeSet;

use backup_api::{
    ledger::{QuotaLedger, ledger_name},
    policy::{BackupPolicy, BackupPolicyStatus, POLICY_NAME, QuotaState},
};
use backup_policy::Config;
use k8s_openapi::api::{admissionregistration::v1::ValidatingWebhookConfiguration, apps::v1::Deployment};
use kube::{
    Api,
    api::{ApiResource, DynamicObject},
};

use crate::{
    client::{Cluster, ListRequest, list},
    error::{Doing as _, Result},
    facts::{account, policy::policy_in_force, served::served},
    plan::{
        effective::InForce,
        install::{NAME, NAMESPACE},
        quota::{Ledger, Object, Objects, Usage},
        quota_suggestion::Claims,
    },
};

/// The admission webhook's configuration.
const WEBHOOK: &str = "backup-webhook";
/// Its entry that asks for slots.
const SLOTS: &str = "quota.kubectl-backup.dev";
/// Its entry that asks about deletion locks.
const LOCKS: &str = "locks.kubectl-backup.dev";

/// Reads all limits and what is held of them, and says what makes the limits doubtful.
///
/// # Errors
/// When the server cannot be asked.
pub async fn usages(cluster: &Cluster) -> Result<(Vec<Usage>, Vec<String>)> {
    let InForce { config, doubts, .. } = policy_in_force(cluster).await?;
    let mut usages = Vec::new();
    for limit in &config.quotas {
        usages.push(usage(cluster, &limit.resource, limit.limit).await?);
    }
    Ok((usages, doubts))
}

/// What is known of the room that a limit leaves whoever asks.
#[derive(Debug)]
pub enum Room {
    /// No limit binds, or none is known to be kept.
    Unlimited,
    /// As much as this leaves.
    Read(Usage),
    /// What would tell may not be read: only the server knows.
    Unread,
}

/// Reads a limit that is kept for whoever asks, and what is held of it.
///
/// # Errors
/// When the server cannot be asked.
pub async fn room(cluster: &Cluster, resource: &str) -> Result<Room> {
    let InForce { config, doubts, .. } = policy_in_force(cluster).await?;
    let Some(quota) = config.quotas.iter().find(|quota| quota.resource == resource) else {
        return Ok(if doubts.is_empty() { Room::Unlimited } else { Room::Unread });
    };
    let (enforced, usage, exempt) = tokio::join!(
        is_enforced(cluster),
        usage(cluster, resource, quota.limit),
        is_exempt(cluster, &config, resource)
    );
    Ok(if exempt { Room::Unlimited } else { left(usage?, enforced?, doubts.is_empty()) })
}

/// The room of a limit by what could be read: whether API servers ask the webhook, and whether the limit is that of the policy.
fn left(usage: Usage, enforced: Option<bool>, is_the_policys: bool) -> Room {
    match (enforced, usage.free()) {
        (Some(false), _) => Room::Unlimited,
        (None, _) if !usage.is_recorded() => Room::Unread,
        (_, Some(_)) if is_the_policys => Room::Read(usage),
        _ => Room::Unread,
    }
}

/// Whether the quota lets whoever asks pass. Who cannot find out is bound.
async fn is_exempt(cluster: &Cluster, config: &Config, resource: &str) -> bool {
    account::own(cluster).await.is_some_and(|own| config.exempts_from_quota(&own.user, &own.groups, resource))
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

/// The PVCs that exist; nothing when they may not be listed.
///
/// # Errors
/// When the server cannot be asked.
pub async fn claims(cluster: &Cluster) -> Result<Claims> {
    let request = ListRequest { path: "/api/v1/persistentvolumeclaims".to_owned(), selector: String::new() };
    let mut claims = BTreeSet::new();
    let listed = list(cluster, &request, "list persistentvolumeclaims in all namespaces", |claim: Object| {
        let metadata = claim.metadata;
        claims.insert((metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default()));
    });
    match listed.await {
        Ok(()) => Ok(Some(claims)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says so when API servers ask the webhook and none of its replicas is there to answer: then nothing is created, and the
/// limits hold.
///
/// # Errors
/// When the server cannot be asked.
pub async fn nobody_answers(cluster: &Cluster) -> Result<Option<String>> {
    let Some((0, wanted)) = replicas(cluster).await? else { return Ok(None) };
    if is_enforced(cluster).await? != Some(true) {
        return Ok(None);
    }
    Ok(Some(format!(
        "no replica of the webhook is ready (0 of {wanted}): until one is, every new object of a limited resource is refused; \
         look with kubectl get pods -n {NAMESPACE}"
    )))
}

/// The webhook's replicas that are ready, and how many there shall be; nothing when it does not run as a Deployment here, or
/// that may not be known.
async fn replicas(cluster: &Cluster) -> Result<Option<(i32, i32)>> {
    let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    match api.get_opt(NAME).await.doing(|| format!("read deployment {NAME:?} in namespace {NAMESPACE:?}")) {
        Ok(found) => Ok(found.map(|found| {
            let wanted = found.spec.and_then(|spec| spec.replicas).unwrap_or(1);
            (found.status.and_then(|status| status.ready_replicas).unwrap_or(0), wanted)
        })),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the webhook says of quotas that it cannot keep, in the policy's status: each with its resource.
///
/// # Errors
/// When the server cannot be asked.
pub async fn not_kept(cluster: &Cluster) -> Result<Vec<(String, String)>> {
    let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &ApiResource::erase::<BackupPolicy>(&()));
    let policy = match api.get_opt(POLICY_NAME).await.doing(|| "read the backup policy".to_owned()) {
        Ok(policy) => policy,
        Err(error) if error.is_missing_resource_type() || error.is_forbidden() => None,
        Err(error) => return Err(error),
    };
    let status = policy.and_then(|policy| policy.data.get("status").cloned()).unwrap_or_default();
    let status: BackupPolicyStatus = serde_json::from_value(status).unwrap_or_default();
    let broken =
        status.quotas.into_iter().filter(|quota| matches!(quota.state, QuotaState::NotAsked | QuotaState::Unreadable));
    Ok(broken.map(|quota| (quota.resource, quota.message)).collect())
}

/// Whether the API server asks the webhook for slots; `None` when that may not be known.
///
/// # Errors
/// When the server cannot be asked.
pub async fn is_enforced(cluster: &Cluster) -> Result<Option<bool>> {
    Ok(configuration(cluster).await?.map(|found| has_entry(found.as_ref(), SLOTS)))
}

/// Whether the API server asks the webhook about deletion locks; `None` when that is not known, for whatever reason.
pub async fn keeps_locks(cluster: &Cluster) -> Option<bool> {
    configuration(cluster).await.ok().flatten().map(|found| has_entry(found.as_ref(), LOCKS))
}

/// The webhook's configuration, if it is there; nothing when that may not be known.
async fn configuration(cluster: &Cluster) -> Result<Option<Option<ValidatingWebhookConfiguration>>> {
    let api: Api<ValidatingWebhookConfiguration> = Api::all(cluster.client.clone());
    match api.get_opt(WEBHOOK).await.doing(|| format!("read validatingwebhookconfiguration {WEBHOOK:?}")) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

fn has_entry(configuration: Option<&ValidatingWebhookConfiguration>, entry: &str) -> bool {
    let entries = configuration.and_then(|found| found.webhooks.as_deref()).unwrap_or_default();
    entries.iter().any(|hook| hook.name == entry)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(objects: Objects, ledger: Ledger, enforced: Option<bool>, is_the_policys: bool) -> &'static str {
        let usage = Usage { resource: "widgets.example.org".to_owned(), limit: 3, objects, ledger };
        match left(usage, enforced, is_the_policys) {
            Room::Unlimited => "unlimited",
            Room::Read(_) => "read",
            Room::Unread => "unread",
        }
    }

    #[test]
    fn locks_and_slots_are_kept_by_entries_of_their_own() {
        let with = |entry: &str| -> ValidatingWebhookConfiguration {
            let client = json!({"url": "https://webhook.example"});
            let entry = json!({"name": entry, "admissionReviewVersions": ["v1"], "clientConfig": client, "sideEffects": "None"});
            serde_json::from_value(json!({"webhooks": [entry]})).expect("a configuration")
        };
        let kept = |found: Option<&ValidatingWebhookConfiguration>| (has_entry(found, SLOTS), has_entry(found, LOCKS));
        assert_eq!(kept(Some(&with("quota.kubectl-backup.dev"))), (true, false));
        assert_eq!(kept(Some(&with("locks.kubectl-backup.dev"))), (false, true));
        assert_eq!(kept(Some(&with("exempt-locks.kubectl-backup.dev"))), (false, false));
        assert_eq!(kept(None), (false, false));
    }

    #[test]
    fn the_server_is_asked_for_what_may_not_be_read() {
        let ready = || Ledger::Read(serde_json::from_value(json!({"phase": "Ready"})).expect("a ledger"));
        let listed = || Objects::Listed(Vec::new());
        assert_eq!(told(Objects::Forbidden, Ledger::Forbidden, None, false), "unread", "a tenant");
        assert_eq!(told(listed(), Ledger::Forbidden, None, true), "unread", "it is not known to be kept");
        assert_eq!(
            told(Objects::Forbidden, Ledger::Forbidden, Some(true), true),
            "unread",
            "what is held is not known"
        );
        assert_eq!(told(listed(), ready(), Some(true), false), "unread", "the limit may be another");
        assert_eq!(told(listed(), Ledger::Forbidden, Some(true), true), "read");
        assert_eq!(
            told(Objects::Forbidden, ready(), None, true),
            "read",
            "a ledger is kept by a webhook that is asked"
        );
        for is_the_policys in [true, false] {
            assert_eq!(told(listed(), ready(), Some(false), is_the_policys), "unlimited", "nobody asks the webhook");
        }
    }
}
