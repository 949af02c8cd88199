//! After the load: the ledger comes to equal the store, and all room can be used.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::history::{Attempt, Form, Outcome};
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
/// How many try on the full cluster.
const CROWD: usize = 60;

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

/// Empties the cluster, and creates one after the other until there is no room: exactly as many as the limit must fit. Then
/// many try at the same time, and none may succeed.
pub async fn fill(
    servers: &[Server],
    limit: usize,
    zero: Instant,
    violations: &mut Vec<Violation>,
) -> Result<Vec<Attempt>> {
    let Some(server) = servers.first() else { return Ok(Vec::new()) };
    let deadline = Instant::now() + LIMIT;
    while !sweep(server, &[], true).await?.is_empty() && Instant::now() < deadline {
        sleep(PAUSE).await;
    }
    let mut attempts: Vec<Attempt> = Vec::new();
    let made = |attempts: &[Attempt]| attempts.iter().filter(|one| one.outcome == Outcome::Created).count();
    let full = |attempts: &[Attempt]| attempts.last().is_some_and(|one| one.outcome == Outcome::Full);
    while Instant::now() < deadline && made(&attempts) <= limit && !full(&attempts) {
        let attempt = create(server.clone(), attempts.len(), zero).await?;
        if matches!(attempt.outcome, Outcome::TryAgain(_)) {
            sleep(PAUSE).await;
        }
        attempts.push(attempt);
    }
    if made(&attempts) != limit || !full(&attempts) {
        let last = attempts.last().map(|one| &one.outcome);
        let difference =
            format!("{} of {limit} fitted into the empty cluster, and then came {last:?}", made(&attempts));
        violations.push(Violation::NotAtRest { difference });
    }
    let mut crowd = JoinSet::new();
    for (server, index) in servers.iter().cycle().zip(attempts.len()..).take(CROWD) {
        crowd.spawn(create(server.clone(), index, zero));
    }
    while let Some(attempt) = crowd.join_next().await {
        let attempt = attempt??;
        // On a busy machine the ledger may not be read in time, which is another answer and as good.
        if !attempt.outcome.is_refusal() {
            let difference = format!("a create on the full cluster was answered {:?}", attempt.outcome);
            violations.push(Violation::NotAtRest { difference });
        }
        attempts.push(attempt);
    }
    Ok(attempts)
}

/// Tries once. The numbers come down from the highest, where no client of the load is.
async fn create(server: Server, index: usize, zero: Instant) -> Result<Attempt> {
    let number = u32::try_from(index)?;
    let ticket = u32::MAX - number;
    let body = manifest(json!({"name": format!("last-{index}")}), ticket, false).to_string();
    let path = collection(&namespace(number % NAMESPACES));
    let start = zero.elapsed();
    let user = format!("last-{index}");
    let call = Call { user: &user, method: Method::POST, path: &path, content: JSON, body };
    let (status, answer) = server.send(call).await?;
    let outcome = outcome::read(status, &answer);
    Ok(Attempt { ticket, form: Form::Named, start, end: zero.elapsed(), outcome })
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
