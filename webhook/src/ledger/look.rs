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

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{Arc, Mutex},
    };

    use http::{Request, Response, header::ACCEPT};
    use kube::{
        api::ApiResource,
        client::Body,
        runtime::watcher::{self, watcher},
    };
    use serde_json::json;

    use super::*;

    /// Objects may be Secrets: what is in them is none of our business, and not for our memory.
    #[tokio::test]
    async fn of_counted_objects_only_the_metadata_is_asked_for() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let answer = tower::service_fn(move |request: Request<Body>| {
            let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
            heard.lock().expect("nobody failed").push(accept.to_owned());
            let list = request.uri().path().ends_with("/secrets");
            let item = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                "metadata": {"name": "a", "namespace": "shop", "uid": "u"}});
            let body = if list { json!({"metadata": {"resourceVersion": "1"}, "items": [item]}) } else { item };
            async move { Ok::<_, Infallible>(Response::new(Body::from(body.to_string().into_bytes()))) }
        });
        let client = Client::new(answer, "system");
        let api_resource = ApiResource {
            group: String::new(),
            version: "v1".to_owned(),
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            plural: "secrets".to_owned(),
        };
        let counted = Counted::new(api_resource, true, "secrets");
        let key = Key::new("shop", "a");
        let there = BTreeMap::from([(key.clone(), Some(Uid::new("u")))]);
        let found = look(&client, &counted, &Scope::Keys([key].into())).await;
        assert_eq!(found.at, there);
        let found = look(&client, &counted, &Scope::All).await;
        assert_eq!((found.complete, found.at), (true, there));
        let mut events = std::pin::pin!(watcher(counted.all(&client), watcher::Config::default()));
        while let Some(Ok(event)) = events.next().await {
            if matches!(event, watcher::Event::InitDone) {
                break;
            }
        }
        // The watch itself.
        drop(events.next().await);
        let asked = asked.lock().expect("nobody failed");
        assert_eq!(asked.len(), 4, "{asked:?}");
        assert!(asked.iter().all(|accept| accept.contains("as=PartialObjectMetadata")), "{asked:?}");
    }
}
