//! After the load: the ledger comes to equal the store, and all room can be used.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::history::Outcome;
use crate::load::{
    api::{Call, GROUP, JSON, PLURAL, Server, collection, everywhere, manifest},
    outcome,
    plan::{NAMESPACES, namespace},
    sweep,
};
use crate::oracle::Violation;

/// A record of a create that came to nothing stays for a minute, then as long as two writes and a read take.
const LIMIT: Duration = Duration::from_secs(60 + 4 + 15);
const PAUSE: Duration = Duration::from_millis(250);

/// Waits until the slots are those of living objects, and no create is pending.
pub async fn until_equal(server: &Server, violations: &mut Vec<Violation>) -> Result<Option<()>> {
    let deadline = Instant::now() + LIMIT;
    let path = format!("/apis/kubectl-backup.dev/v1alpha1/quotaledgers/{PLURAL}.{GROUP}");
    loop {
        let difference = match (server.get(&path).await, server.get(&everywhere()).await) {
            (Ok(ledger), Ok(objects)) => difference(&ledger["status"], &objects),
            (Err(error), _) | (_, Err(error)) => Some(format!("{error:#}")),
        };
        let Some(difference) = difference else { return Ok(Some(())) };
        if Instant::now() > deadline {
            violations.push(Violation::NotAtRest { difference });
            return Ok(None);
        }
        sleep(PAUSE).await;
    }
}

fn difference(ledger: &Value, objects: &Value) -> Option<String> {
    let slots: BTreeSet<String> =
        ledger["slots"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
    let pending =
        ledger["slots"].as_object().into_iter().flatten().filter(|(_, slot)| !slot["live"].is_string()).count();
    let key = |object: &Value| {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", text("namespace"), text("name"))
    };
    let alive: BTreeSet<String> = objects["items"].as_array().into_iter().flatten().map(key).collect();
    if slots == alive && pending == 0 {
        return None;
    }
    Some(format!("the ledger has slots {slots:?}, {pending} of them pending, and alive are {alive:?}"))
}

/// Empties the cluster, and creates one after the other until there is no room: exactly as many as the limit must fit.
pub async fn fill(servers: &[Server], limit: usize, violations: &mut Vec<Violation>) -> Result<()> {
    let Some(server) = servers.first() else { return Ok(()) };
    let deadline = Instant::now() + LIMIT;
    while !sweep(server, &[], true).await?.is_empty() && Instant::now() < deadline {
        sleep(PAUSE).await;
    }
    let (mut made, mut last) = (0, Outcome::Created);
    let mut index = 0;
    while Instant::now() < deadline && made <= limit && last != Outcome::Full {
        let place = namespace(index % NAMESPACES);
        let body = manifest(json!({"name": format!("last-{index}")}), u32::MAX, false).to_string();
        let call = Call { user: "", method: Method::POST, path: &collection(&place), content: JSON, body };
        let (status, answer) = server.send(call).await?;
        last = outcome::read(status, &answer);
        made += usize::from(last == Outcome::Created);
        index += 1;
        if last == Outcome::TryAgain {
            sleep(PAUSE).await;
        }
    }
    if made != limit || last != Outcome::Full {
        let difference = format!("{made} of {limit} fitted into the empty cluster, and then came {last:?}");
        violations.push(Violation::NotAtRest { difference });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_objects_are_compared_by_name_and_nothing_may_be_pending() {
        let objects = json!({"items": [{"metadata": {"namespace": "a", "name": "b"}}]});
        assert_eq!(difference(&json!({"slots": {"a/b": {"live": "u"}}}), &objects), None);
        assert_eq!(difference(&json!({}), &json!({"items": []})), None);
        for wrong in
            [json!({}), json!({"slots": {"a/b": {"pend": {"u": {}}}}}), json!({"slots": {"a/c": {"live": "u"}}})]
        {
            assert!(difference(&wrong, &objects).is_some(), "{wrong}");
        }
    }
}
