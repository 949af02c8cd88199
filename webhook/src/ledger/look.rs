//! Reading objects from the store itself.

use std::collections::{BTreeMap, BTreeSet};

use backup_ledger::{Key, Scope, Sightings, Uid};
use futures::{StreamExt, stream};
use kube::{Client, Error, api::ListParams};
use tokio::time::timeout;

use super::{
    counted::Counted,
    store::is_missing,
    times::{LIST, REQUEST},
};

/// Above so many keys one list is cheaper than a read of each.
const KEYS: usize = 8;
/// Objects per page of a list.
const PAGE: u32 = 500;

/// Looks at keys, or at everything. What could not be read is left out.
pub async fn look(client: &Client, counted: &Counted, scope: &Scope) -> Sightings {
    match scope {
        Scope::Keys(keys) if keys.len() <= KEYS => get(client, counted, keys).await,
        Scope::Keys(keys) => {
            let found = list(client, counted).await;
            if !found.complete {
                return found;
            }
            let at = keys.iter().map(|key| (key.clone(), found.at.get(key).cloned().flatten()));
            Sightings { complete: false, at: at.collect() }
        }
        Scope::All => list(client, counted).await,
    }
}

async fn get(client: &Client, counted: &Counted, keys: &BTreeSet<Key>) -> Sightings {
    let reads = stream::iter(keys.iter().cloned()).map(async |key| {
        let read = timeout(REQUEST, counted.beside(client, &key).get(key.name())).await.ok()?;
        match read {
            Ok(object) => {
                let seen = counted.see(&object.metadata)?;
                Some((key, seen.counts.then_some(seen.object.uid)))
            }
            Err(Error::Api(status)) if is_missing(&status, key.name()) => Some((key, None)),
            Err(error) => {
                tracing::warn!(%error, %key, "cannot look at an object");
                None
            }
        }
    });
    let at: BTreeMap<Key, Option<Uid>> = reads.buffer_unordered(KEYS).filter_map(async |found| found).collect().await;
    Sightings { complete: false, at }
}

async fn list(client: &Client, counted: &Counted) -> Sightings {
    match timeout(LIST, pages(client, counted)).await {
        Ok(Ok(at)) => Sightings { complete: true, at },
        Ok(Err(error)) => {
            tracing::warn!(%error, resource = counted.api_resource.plural, "cannot list the counted objects");
            Sightings::default()
        }
        Err(_) => {
            tracing::warn!(resource = counted.api_resource.plural, "a list of the counted objects took too long");
            Sightings::default()
        }
    }
}

/// All pages of one consistent list: the token of each page holds the next one to the same revision, and the API server
/// refuses a token whose revision is gone.
async fn pages(client: &Client, counted: &Counted) -> kube::Result<BTreeMap<Key, Option<Uid>>> {
    let api = counted.all(client);
    let mut params = ListParams::default().limit(PAGE);
    let mut at = BTreeMap::new();
    loop {
        let page = api.list(&params).await?;
        let seen = page.items.iter().filter_map(|object| counted.see(&object.metadata));
        at.extend(seen.filter(|seen| seen.counts).map(|seen| (seen.object.key, Some(seen.object.uid))));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(at),
        }
    }
}
