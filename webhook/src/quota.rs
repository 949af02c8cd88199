//! The count.

use std::time::Duration;

use backup_policy::{
    config::resource::VOLUME_SNAPSHOTS,
    names::QUOTA_EXEMPT,
    quota::{Decision, Holder, Key, decide},
};
use jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, PartialObjectMeta},
};
use tokio::{sync::Mutex, time::timeout};

/// Time to count; the API server waits five seconds for us.
const PATIENCE: Duration = Duration::from_secs(4);
/// Objects per page of a list.
const PAGE: u32 = 500;

/// Counts the objects of limited resources.
///
/// The count is a consistent list at the moment of the claim, which two claims at the same moment can both pass. Nothing
/// outside this file knows how it counts.
pub struct Quota {
    client: Client,
    // One list at a time: a burst of claims must not become a burst of lists.
    turn: Mutex<()>,
}

/// A slot, asked for.
#[derive(Debug)]
pub struct Claim<'a> {
    /// The limited resource as `plural.group`.
    pub resource: &'a str,
    /// The version in which it is served.
    pub version: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// How many may exist.
    pub limit: u32,
    /// The new object's name.
    pub key: Key,
    /// The new object's uid, by which it will be known once it is stored.
    pub uid: &'a str,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// Who makes the object.
    pub user: &'a str,
}

/// The count could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Uncounted {
    /// The API server did not answer in time.
    #[error("cluster quota {resource} could not be checked: the API server did not answer in time; try again")]
    TooSlow {
        /// The resource.
        resource: String,
    },
    /// The API server answered with an error.
    #[error("cluster quota {resource} could not be checked: {source}; try again, or ask the cluster's administrator")]
    Failed {
        /// The resource.
        resource: String,
        /// Its answer.
        source: Box<kube::Error>,
    },
}

impl Quota {
    /// Counts through this client.
    pub fn new(client: Client) -> Self {
        Self { client, turn: Mutex::new(()) }
    }

    /// Asks for a slot.
    pub async fn claim(&self, claim: &Claim<'_>) -> Result<Decision, Uncounted> {
        let resource = || claim.resource.to_owned();
        let counted = timeout(PATIENCE, async {
            let _turn = self.turn.lock().await;
            self.holders(claim).await
        });
        let holders = counted
            .await
            .map_err(|_| Uncounted::TooSlow { resource: resource() })?
            .map_err(|source| Uncounted::Failed { resource: resource(), source: Box::new(source) })?;
        let decision = decide(claim.resource, claim.limit, &holders, &claim.key, now());
        tracing::info!(
            resource = claim.resource,
            namespace = claim.key.namespace,
            name = claim.key.name,
            uid = claim.uid,
            user = claim.user,
            dry_run = claim.dry_run,
            used = holders.len(),
            limit = claim.limit,
            admitted = decision == Decision::Admit,
            "claim"
        );
        Ok(decision)
    }

    async fn holders(&self, claim: &Claim<'_>) -> kube::Result<Vec<Holder>> {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &api_resource(claim));
        // Without a resource version the list is read from the store itself, not from a cache that may lag behind.
        let mut page = ListParams::default().limit(PAGE);
        // The mark is given to snapshots only; on anything else it means nothing.
        if claim.resource == VOLUME_SNAPSHOTS {
            page = page.labels(&format!("{QUOTA_EXEMPT}!=true"));
        }
        let mut holders = Vec::new();
        loop {
            let list = api.list_metadata(&page).await?;
            holders.extend(list.items.iter().map(holder));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(holders),
            }
        }
    }
}

fn api_resource(claim: &Claim<'_>) -> ApiResource {
    let (plural, group) = claim.resource.split_once('.').unwrap_or((claim.resource, ""));
    let api_version = if group.is_empty() { claim.version.to_owned() } else { format!("{group}/{}", claim.version) };
    ApiResource {
        group: group.to_owned(),
        version: claim.version.to_owned(),
        api_version,
        kind: claim.kind.to_owned(),
        plural: plural.to_owned(),
    }
}

fn holder(object: &PartialObjectMeta<DynamicObject>) -> Holder {
    Holder {
        key: Key { namespace: object.namespace().unwrap_or_default(), name: object.name_any() },
        created: object.creation_timestamp().map(|time| time.0),
        deleting: object.metadata.deletion_timestamp.is_some(),
    }
}

#[allow(clippy::disallowed_methods, reason = "ages in a refusal are told at the moment it is made")]
fn now() -> Timestamp {
    Timestamp::now()
}
